"""Gangs: groups of pods of which so many run, or none.

membership.py knows the groups and how many of their pods have a node; attempt.py decides about the waiting
ones all at once. A gang is named "namespace/name" of its PodGroup.
"""
