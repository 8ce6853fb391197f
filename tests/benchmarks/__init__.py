"""Benchmarks: what is measured stands in README.md beside this."""
