"""Answers people's questions about the cluster, by the code that decides: why something does not run, and
what a change would do.

It only reads. Facts are gathered on the event loop, thought about in a thread of their own (pictures.py), by
pure functions (why/, plan/).
"""
