"""The API, end to end and in process."""
