"""The node agent: makes the node run what the control plane assigned. May not import control_plane."""
