"""NodeResourcesBalancedAllocation with chosen resources: the nearer their used shares are to each other, the
better.

(1 - standard deviation of the shares) * 100 in whole numbers; shares end at 1; a resource that a node has
none of is left out, and so is an extended one that the pod does not request. The default, cpu and memory, has
a quicker file of its own.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask, Rows
from control_plane.scheduler.requests import CPU, EPHEMERAL_STORAGE, MEMORY

_ALWAYS = (CPU, MEMORY, EPHEMERAL_STORAGE)


class BalanceOf:
    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: Sequence[str]) -> None:
        self._resources = tuple(resources)

    def scope(self, view: View) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        return self._balance(view, slice(0, view.size), 1.0)

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        return self._balance(view, rows, copies + 1)

    def _balance(self, view: View, rows: Rows | slice, pods: Amount | float) -> Amount:
        shares = [share for name in self._resources for share in _share(view, name, rows, pods)]
        number: Amount = np.zeros_like(view.nodes.divisor[0, rows] * pods)
        total = number.copy()
        for share, exists in shares:
            number += exists
            total += share * exists
        mean = total / np.maximum(number, 1)
        squares, least, most = np.zeros_like(number), np.ones_like(number), np.zeros_like(number)
        for share, exists in shares:
            squares += exists * (share - mean) ** 2
            least = np.where(exists, np.minimum(least, share), least)
            most = np.where(exists, np.maximum(most, share), most)
        deviation = np.sqrt(squares / np.maximum(number, 1))
        deviation = np.where(number == 2, (most - least) / 2, deviation)  # as kube-scheduler, to the last bit
        result: Amount = np.floor((1 - np.where(number > 1, deviation, 0)) * MAX_SCORE)
        return result


def _share(view: View, name: str, rows: Rows | slice, pods: Amount | float) -> Iterator[tuple[Amount, Mask]]:
    """The used share of a resource with the pod, and where there is any of it; nothing if it does not
    count."""
    nodes, more = view.nodes, dict(view.shape.requests).get(name, 0)
    index = nodes.resources.get(name)
    if index is not None and (more > 0 or name in _ALWAYS):
        allocatable = nodes.allocatable[index, rows]
        share = (nodes.requested[index, rows] + more * pods) / np.maximum(allocatable, 1)
        yield np.minimum(share, 1), allocatable > 0
