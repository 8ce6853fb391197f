"""What a change would do, by doing it: to a copy in memory (fork.py), with the real API, the real
controllers (rehearsal.py) and the scheduler's own decision on its picture of the cluster (placing.py).
Nothing is written.
"""
