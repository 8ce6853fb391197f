"""NodeResourcesFit's score, strategy LeastAllocated: the more of cpu and memory stays free, the better.

Per resource (allocatable - requested - request) * 100 / allocatable in whole numbers, 0 when it would not
fit; the mean over cpu and memory, a resource of which the node has none left out. Requests count with
defaults for containers that name none.
"""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import CPU_ROW, MEMORY_ROW, Amount, Mask, Rows
from control_plane.scheduler.shape import Shape


class LeastAllocated:
    name = "NodeResourcesFit"

    def scope(self, shape: Shape) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        nodes, shape, size = view.nodes, view.shape, view.size
        return _mean(
            nodes.allocatable[CPU_ROW, :size],
            nodes.scored[0, :size] + shape.scored_cpu_millis,
            nodes.allocatable[MEMORY_ROW, :size],
            nodes.scored[1, :size] + shape.scored_memory_bytes,
        )

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        nodes, shape, pods = view.nodes, view.shape, copies + 1
        return _mean(
            nodes.allocatable[CPU_ROW, rows],
            nodes.scored[0, rows] + shape.scored_cpu_millis * pods,
            nodes.allocatable[MEMORY_ROW, rows],
            nodes.scored[1, rows] + shape.scored_memory_bytes * pods,
        )


def _mean(cpu: Amount, cpu_used: Amount, memory: Amount, memory_used: Amount) -> Amount:
    total = _free_share(cpu, cpu_used)
    total += _free_share(memory, memory_used)
    counted = (cpu > 0).astype(np.float64)
    counted += memory > 0
    np.maximum(counted, 1, out=counted)
    total /= counted
    mean: Amount = np.floor(total, out=total)
    return mean


def _free_share(allocatable: Amount, used: Amount) -> Amount:
    share = allocatable - used
    np.maximum(share, 0, out=share)
    share *= MAX_SCORE
    share /= np.maximum(allocatable, 1)
    floored: Amount = np.floor(share, out=share)
    return floored
