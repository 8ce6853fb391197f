"""Changes that are worth trying, by what refuses the pod: one kind of change a file.

A proposal is only a guess: advice.py tries each, and names those that work.
"""
