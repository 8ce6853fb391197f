"""Scheduling profiles from a file in kube-scheduler's own format.

read.py reads and checks it, plugins.py knows which plugins there are and makes them, merging.py says which of
them a profile has. Pure but for the text that comes in.
"""
