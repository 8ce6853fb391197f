"""Typed reading and writing of objects, as the control plane's own parts use them."""
