"""Fuzzing: what bad input gets. `python -m tests.fuzz --help`; README.md says how it works, what it found."""
