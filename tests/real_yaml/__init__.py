"""What becomes of other people's manifests: `python -m tests.real_yaml DIR`; docs/real-yaml.md keeps it."""
