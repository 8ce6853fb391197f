"""NodeResourcesBalancedAllocation: the nearer the used shares of cpu and memory are to each other, the
better.

(1 - standard deviation of the shares) * 100 in whole numbers; shares end at 1; a resource of which the node
has none is left out.
"""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import CPU_ROW, MEMORY_ROW, Amount, Mask, Rows
from control_plane.scheduler.requests import CPU, MEMORY
from control_plane.scheduler.shape import Shape


class BalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def scope(self, shape: Shape) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        return self.ahead(view, slice(0, view.size), np.zeros(1))

    def ahead(self, view: View, rows: Rows | slice, copies: Amount) -> Amount | None:
        nodes, pods = view.nodes, copies + 1
        requests = dict(view.shape.requests)
        cpu, memory = nodes.allocatable[CPU_ROW, rows], nodes.allocatable[MEMORY_ROW, rows]
        cpu_share = _share(cpu, nodes.requested[CPU_ROW, rows] + requests.get(CPU, 0) * pods)
        memory_share = _share(memory, nodes.requested[MEMORY_ROW, rows] + requests.get(MEMORY, 0) * pods)
        cpu_share -= memory_share
        cpu_share /= 2
        deviation = np.abs(cpu_share, out=cpu_share)
        one_only = (cpu <= 0) | (memory <= 0)
        if one_only.any():
            deviation *= ~one_only
        np.subtract(1, deviation, out=deviation)
        deviation *= MAX_SCORE
        score: Amount = np.floor(deviation, out=deviation)
        return score


def _share(allocatable: Amount, used: Amount) -> Amount:
    used /= np.maximum(allocatable, 1)
    share: Amount = np.minimum(used, 1, out=used)
    return share
