"""NodeResourcesFit: what a pod requests must be free on the node, for every resource, and a place for a
pod."""

from collections.abc import Iterable, Sequence

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import BASE_RESOURCES, PODS_ROW, Amount, Mask, Rows
from control_plane.scheduler.shape import Shape

TOO_MANY_PODS = "Too many pods"


class NodeResourcesFit:
    """Extended resources in `ignored`, or of a group ("example.com") in `ignored_groups`, are not looked at:
    something else allots them."""

    name = "NodeResourcesFit"
    wakes = Cause.NODE_ADDED | Cause.NODE_ALLOCATABLE | Cause.POD_GONE

    def __init__(self, ignored: Iterable[str] = (), ignored_groups: Iterable[str] = ()) -> None:
        self._ignored, self._ignored_groups = frozenset(ignored), frozenset(ignored_groups)

    def scope(self, view: View) -> Scope:
        return Scope.ROW

    def mask(self, view: View) -> Mask | None:
        nodes, size = view.nodes, view.size
        mask: Mask = nodes.free[PODS_ROW, :size] >= 1
        for name, value in self._requests(view.shape):
            mask &= nodes.free_of(name)[:size] >= value
        return mask

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Mask | None:
        nodes, pods = view.nodes, copies + 1
        mask: Mask = nodes.free[PODS_ROW, rows] >= pods
        for name, value in self._requests(view.shape):
            mask &= nodes.free_of(name)[rows] >= value * pods
        return mask

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        nodes = view.nodes
        found = [Refusal(TOO_MANY_PODS, rows[nodes.free[PODS_ROW, rows] < 1])]
        for name, value in self._requests(view.shape):
            short = nodes.free_of(name)[rows] < value
            found.append(Refusal(f"Insufficient {name}", rows[short]))
        return tuple(refusal for refusal in found if len(refusal.rows))

    def _requests(self, shape: Shape) -> Sequence[tuple[str, int]]:
        if not self._ignored and not self._ignored_groups:
            return shape.requests
        return [row for row in shape.requests if row[0] in BASE_RESOURCES or not self._is_ignored(row[0])]

    def _is_ignored(self, name: str) -> bool:
        return name in self._ignored or name.partition("/")[0] in self._ignored_groups
