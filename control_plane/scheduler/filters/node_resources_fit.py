"""NodeResourcesFit: what a pod requests must be free on the node, for every resource, and a place for a
pod."""

from collections.abc import Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import PODS_ROW, Amount, Mask, Rows
from control_plane.scheduler.shape import Shape

TOO_MANY_PODS = "Too many pods"


class NodeResourcesFit:
    name = "NodeResourcesFit"
    wakes = Cause.NODE_ADDED | Cause.NODE_ALLOCATABLE | Cause.POD_GONE

    def scope(self, shape: Shape) -> Scope:
        return Scope.ROW

    def mask(self, view: View) -> Mask | None:
        nodes, size = view.nodes, view.size
        mask: Mask = nodes.free[PODS_ROW, :size] >= 1
        for name, value in view.shape.requests:
            mask &= nodes.free_of(name)[:size] >= value
        return mask

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Mask | None:
        nodes, pods = view.nodes, copies + 1
        mask: Mask = nodes.free[PODS_ROW, rows] >= pods
        for name, value in view.shape.requests:
            mask &= nodes.free_of(name)[rows] >= value * pods
        return mask

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        nodes = view.nodes
        found = [Refusal(TOO_MANY_PODS, rows[nodes.free[PODS_ROW, rows] < 1])]
        for name, value in view.shape.requests:
            short = nodes.free_of(name)[rows] < value
            found.append(Refusal(f"Insufficient {name}", rows[short]))
        return tuple(refusal for refusal in found if len(refusal.rows))
