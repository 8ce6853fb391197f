"""NodeResourcesBalancedAllocation: the nearer the used shares of cpu and memory are to each other, the
better.

(1 - standard deviation of the shares) * 100 in whole numbers; shares end at 1; a resource of which the node
has none is left out.
"""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask, Rows
from control_plane.scheduler.requests import CPU, MEMORY
from control_plane.scheduler.scores.least_allocated import has_both_kinds


class BalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def scope(self, view: View) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        return _balance(view, slice(0, view.size), 1.0)

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        return _balance(view, rows, copies + 1)


def _balance(view: View, rows: Rows | slice, pods: Amount | float) -> Amount:
    requests = dict(view.shape.requests)
    deviation = _share(view, 0, rows, requests.get(CPU, 0) * pods)
    deviation -= _share(view, 1, rows, requests.get(MEMORY, 0) * pods)
    deviation *= 0.5
    np.abs(deviation, out=deviation)
    if not view.once("both kinds", has_both_kinds):
        deviation *= view.nodes.kinds[rows] == 2
    np.subtract(1, deviation, out=deviation)
    deviation *= MAX_SCORE
    return np.floor(deviation, out=deviation)


def _share(view: View, resource: int, rows: Rows | slice, more: Amount | float) -> Amount:
    """The used share of cpu (0) or memory (1) with `more` requested."""
    nodes = view.nodes
    share: Amount = nodes.requested[resource, rows] + more
    share /= nodes.divisor[resource, rows]
    if share.max(initial=0) > 1:
        np.minimum(share, 1, out=share)
    return share
