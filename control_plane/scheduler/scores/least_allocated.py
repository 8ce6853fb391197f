"""NodeResourcesFit's score, strategy LeastAllocated: the more of cpu and memory stays free, the better.

Per resource (allocatable - requested - request) * 100 / allocatable in whole numbers, 0 when it would not
fit; the mean over cpu and memory, a resource of which the node has none left out. Requests count with
defaults for containers that name none.
"""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask, Rows


class LeastAllocated:
    name = "NodeResourcesFit"

    def scope(self, view: View) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        return _mean(view, slice(0, view.size), 1.0)

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        return _mean(view, rows, copies + 1)


def _mean(view: View, rows: Rows | slice, pods: Amount | float) -> Amount:
    shape = view.shape
    total = _free_share(view, 0, rows, shape.scored_cpu_millis * pods)
    total += _free_share(view, 1, rows, shape.scored_memory_bytes * pods)
    if view.once("both kinds", has_both_kinds):
        total *= 0.5
    else:
        total /= view.nodes.kinds[rows]
    return np.floor(total, out=total)


def _free_share(view: View, resource: int, rows: Rows | slice, more: Amount | float) -> Amount:
    """What is left of cpu (0) or memory (1) with `more` requested, of 100, in whole numbers."""
    nodes = view.nodes
    share: Amount = nodes.scored_free[resource, rows] - more
    if share.min(initial=0) < 0:
        np.maximum(share, 0, out=share)
    share *= MAX_SCORE
    share /= nodes.divisor[resource, rows]
    return np.floor(share, out=share)


def has_both_kinds(view: View) -> bool:
    """Whether all nodes have cpu and memory to give."""
    return bool((view.nodes.kinds[: view.size][view.nodes.alive[: view.size]] == 2).all())
