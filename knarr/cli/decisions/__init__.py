"""What commands decide, as functions of what is: no connection, no clock, no printing."""
