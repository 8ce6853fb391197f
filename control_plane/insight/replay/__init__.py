"""Runs the scheduler on a recording, offline: `python -m control_plane.insight.replay`, which is what
`knarr bench replay` becomes."""
