"""Container engines behind one small Protocol: docker, and a fake for tests and simulation."""
