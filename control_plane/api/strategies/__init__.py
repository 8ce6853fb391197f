"""What the server writes into objects of one kind beyond what it writes into all of them: one row a kind.

Rules and defaults of a kind stand in control_plane/api/rules; which fields count its generation, and what of
its metadata a write of status keeps, in control_plane/api/registry. Pure.
"""

from control_plane.api.strategies.table import strategy_of

__all__ = ["strategy_of"]
