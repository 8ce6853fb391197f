"""The controllers: each a pure decision over a snapshot of the cache, all driven by one common loop."""
