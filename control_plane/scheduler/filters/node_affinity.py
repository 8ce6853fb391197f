"""NodeAffinity: nodeSelector and required node affinity."""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.node_matching import match_required
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.shape import Shape

REASON = "node(s) didn't match Pod's node affinity/selector"


class NodeAffinity:
    name = "NodeAffinity"
    wakes = Cause.NODE_ADDED | Cause.NODE_LABELS

    def scope(self, shape: Shape) -> Scope:
        return Scope.NODES

    def mask(self, view: View) -> Mask | None:
        return match_required(view.nodes, view.size, view.shape)

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        return (Refusal(REASON, rows, evictable=False),)
