"""NodeName: a pod that names its node runs there or nowhere."""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Mask, Rows

REASON = "node(s) didn't match the requested node name"


class NodeName:
    name = "NodeName"
    wakes = Cause.NODE_ADDED

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def mask(self, view: View) -> Mask | None:
        if not view.shape.wishes.node_name:
            return None
        mask = view.nothing()
        row = view.nodes.rows.get(view.shape.wishes.node_name)
        if row is not None:
            mask[row] = True
        return mask

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        return (Refusal(REASON, rows, evictable=False),)
