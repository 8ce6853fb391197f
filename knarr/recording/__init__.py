"""Recordings of a cluster for the scheduler: what is in one (reduced.py), how it is written (files.py), and
how names are taken out of it (anonymous.py). Pure but for files.py.
"""
