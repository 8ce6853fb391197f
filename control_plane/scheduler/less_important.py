"""What pods of lower priority have of each node: what preemption could give to a pod at the most. Pure."""

from collections.abc import Mapping

from control_plane.scheduler.framework import View
from control_plane.scheduler.nodes import PODS_ROW, Amount, Mask
from control_plane.scheduler.requests import PODS
from control_plane.scheduler.shape import Shape


def below(view: View, resource: str) -> Amount:
    """What pods of lower priority have requested of each row."""
    priority = view.shape.priority

    def weigh(shape: Shape, _: Mapping[str, str]) -> int:
        if shape.priority >= priority:
            return 0
        return 1 if resource == PODS else dict(shape.requests).get(resource, 0)

    return view.cluster.population.tally(("below", priority, resource), weigh, True)[: view.size]


def enough_without(view: View) -> Mask:
    """Rows with pods of lower priority, that would have enough for the pod if all of those went."""
    nodes, size = view.nodes, view.size
    pods = below(view, PODS)
    mask: Mask = (pods > 0) & (nodes.free[PODS_ROW, :size] + pods >= 1)
    if not mask.any():
        return mask
    for name, amount in view.shape.requests:
        mask &= nodes.free_of(name)[:size] + below(view, name) >= amount
    return mask
