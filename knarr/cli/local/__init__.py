"""A cluster on this machine: one server process, which runs etcd, and an agent process for each node."""
