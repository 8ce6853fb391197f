"""NodeUnschedulable: cordoned nodes take only pods that tolerate it."""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Mask, Rows, Taint
from control_plane.scheduler.tolerations import NO_SCHEDULE, tolerated

REASON = "node(s) were unschedulable"
CORDON = Taint("node.kubernetes.io/unschedulable", "", NO_SCHEDULE)


class NodeUnschedulable:
    name = "NodeUnschedulable"
    wakes = Cause.NODE_ADDED | Cause.NODE_TAINTS

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def mask(self, view: View) -> Mask | None:
        cordoned = view.nodes.unschedulable[: view.size]
        if not cordoned.any() or tolerated(CORDON, view.shape.wishes.tolerations):
            return None
        return ~cordoned

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        return (Refusal(REASON, rows, evictable=False),)
