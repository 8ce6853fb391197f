"""NodeAffinity: nodeSelector and required node affinity, of the pod and of the profile."""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.node_matching import match_any_term, match_required
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.shape import NodeTerm

REASON = "node(s) didn't match Pod's node affinity/selector"
ADDED_REASON = "node(s) didn't match scheduler-enforced node affinity"


class NodeAffinity:
    """`added`: terms of the profile, one of which must match too (None: no such rule)."""

    name = "NodeAffinity"
    wakes = Cause.NODE_ADDED | Cause.NODE_LABELS

    def __init__(self, added: tuple[NodeTerm, ...] | None = None) -> None:
        self._added = added

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def mask(self, view: View) -> Mask | None:
        own = match_required(view.nodes, view.size, view.shape)
        added = self._added_mask(view)
        if own is None or added is None:
            return added if own is None else own
        return own & added

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        """What the profile adds is looked at first."""
        added = self._added_mask(view)
        if added is None:
            return (Refusal(REASON, rows, evictable=False),)
        refused = (
            Refusal(ADDED_REASON, rows[~added[rows]], evictable=False),
            Refusal(REASON, rows[added[rows]], evictable=False),
        )
        return tuple(refusal for refusal in refused if len(refusal.rows))

    def _added_mask(self, view: View) -> Mask | None:
        return None if self._added is None else match_any_term(view.nodes, view.size, self._added)
