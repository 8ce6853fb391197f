"""Scores: one a file, each Kubernetes' plugin of the same name. Each says how good a node is, 0 to 100."""
