"""The whole cluster in one process, on virtual time, from one seed: faults in, invariants held."""
