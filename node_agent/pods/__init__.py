"""Pods on this node: what is wanted, what to do next (pure), what to say of it (pure), and the workers."""
