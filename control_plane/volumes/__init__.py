"""Claims and volumes: which volume fits a claim, and which nodes can reach it. Pure; for all that decide.

Source: kubernetes.io/docs/concepts/storage/persistent-volumes and …/storage-classes (volumeBindingMode).
"""
