"""Where desired and observed state is kept: etcd, or memory for tests and simulation. Knows bytes only."""
