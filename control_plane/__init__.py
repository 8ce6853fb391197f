"""The control plane: store, api, scheduler, controllers and node sessions. May not import node_agent."""
