"""Why a pod waits: what each node lacks, and the smallest single changes that would let it run.

Read in this order: words.py (amounts and terms as people say them), lacks.py (what a node lacks), changes.py
(what could be changed), proposals/ (which changes are worth trying), advice.py (all of it together). Pure:
works on a cluster of its own, leaves it as it was, and every change that it names has been tried.
"""
