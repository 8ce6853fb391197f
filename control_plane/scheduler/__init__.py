"""Puts pods on nodes: a pure, columnar decision (decide.py) and a thin shell that carries it out
(scheduler.py).

Read in this order: shape.py (what matters of a pod), nodes.py and cluster.py (the table), framework.py (what
a filter and a score are), filters/ and scores/ (one each a file), decide.py, queue.py, scheduler.py.
"""
