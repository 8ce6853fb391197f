"""What all processes of Knarr share: schema, codec, quantities, selectors, client library, CLI.

May not import control_plane or node_agent.
"""

__version__ = "0.1.0"
