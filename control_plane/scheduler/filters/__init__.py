"""Filters: one a file, each Kubernetes' plugin of the same name. Each says where a pod may run, and why
not."""
