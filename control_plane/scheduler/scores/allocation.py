"""NodeResourcesFit's score with chosen resources and strategy: LeastAllocated, MostAllocated or
RequestedToCapacityRatio.

The mean of the resources by their weights. A resource that a node has none of is left out, and so is an
extended one that the pod does not request. Cpu and memory count with defaults for containers that name none.
Source: kubernetes.io/docs/concepts/scheduling-eviction/resource-bin-packing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import CPU_ROW, MEMORY_ROW, Amount, Mask, Rows
from control_plane.scheduler.requests import CPU, EPHEMERAL_STORAGE, MEMORY

_ALWAYS = (CPU, MEMORY, EPHEMERAL_STORAGE)
MAX_CUSTOM_SCORE = 10  # of a point of RequestedToCapacityRatio


@dataclass(frozen=True, slots=True)
class WeightedResource:
    name: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Use:
    """One resource on some rows: allocatable, and requested with the pod; allocatable above 0 where it
    counts."""

    requested: Amount
    allocatable: Amount
    exists: Mask


class Strategy(Protocol):
    """How good a use is."""

    @property
    def zero_counts(self) -> bool:
        """Whether a resource with score 0 is part of the mean."""
        ...

    def score(self, use: Use) -> Amount:
        """0 to 100 in whole numbers."""
        ...

    def mean(self, total: Amount, weights: Amount) -> Amount:
        """In whole numbers; `weights` are above 0."""
        ...


class LeastAllocatedStrategy:
    """The more stays free, the better."""

    zero_counts = True

    def score(self, use: Use) -> Amount:
        free = np.maximum(use.allocatable - use.requested, 0)
        result: Amount = np.floor(free * MAX_SCORE / use.allocatable)
        return result

    def mean(self, total: Amount, weights: Amount) -> Amount:
        result: Amount = np.floor(total / weights)
        return result


class MostAllocatedStrategy:
    """The less stays free, the better: nodes are filled one after the other."""

    zero_counts = True

    def score(self, use: Use) -> Amount:
        used = np.minimum(use.requested, use.allocatable)
        result: Amount = np.floor(used * MAX_SCORE / use.allocatable)
        return result

    def mean(self, total: Amount, weights: Amount) -> Amount:
        result: Amount = np.floor(total / weights)
        return result


class RequestedToCapacityRatioStrategy:
    """By a line through given points (utilization in percent, score 0 to 10), utilization ascending."""

    zero_counts = False

    def __init__(self, points: Sequence[tuple[int, int]]) -> None:
        self._by_percent: npt.NDArray[np.float64] = np.array(
            [_on_line(points, percent) for percent in range(101)], np.float64
        )

    def score(self, use: Use) -> Amount:
        percent = np.floor(np.minimum(use.requested, use.allocatable) * 100 / use.allocatable)
        return self._by_percent[percent.astype(np.intp)]

    def mean(self, total: Amount, weights: Amount) -> Amount:
        result: Amount = np.floor(total / weights + 0.5)
        return result


def _on_line(points: Sequence[tuple[int, int]], percent: int) -> int:
    """The scaled score at a utilization, in Go's whole numbers (towards zero)."""
    before: tuple[int, int] | None = None
    for at, score in points:
        scaled = score * MAX_SCORE // MAX_CUSTOM_SCORE
        if percent <= at:
            if before is None:
                return scaled
            return before[1] + int((scaled - before[1]) * (percent - before[0]) / (at - before[0]))
        before = (at, scaled)
    return 0 if before is None else before[1]


class AllocationScore:
    name = "NodeResourcesFit"

    def __init__(self, strategy: Strategy, resources: Sequence[WeightedResource]) -> None:
        self._strategy, self._resources = strategy, tuple(resources)

    def scope(self, view: View) -> Scope:
        return Scope.ROW

    def score(self, view: View, feasible: Mask) -> Amount | None:
        return self._mean(view, slice(0, view.size), 1.0)

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        return self._mean(view, rows, copies + 1)

    def _mean(self, view: View, rows: Rows | slice, pods: Amount | float) -> Amount:
        total: Amount = np.zeros(1)
        weights: Amount = np.zeros(1)
        for resource in self._resources:
            use = _use(view, resource.name, rows, pods)
            if use is None:
                continue
            score = self._strategy.score(use)
            counts = use.exists if self._strategy.zero_counts else use.exists & (score > 0)
            total = total + resource.weight * score * counts
            weights = weights + resource.weight * counts
        mean = self._strategy.mean(total, np.maximum(weights, 1))
        return np.broadcast_to(mean, np.broadcast_shapes(mean.shape, np.shape(_shape_of(view, rows, pods))))


def _shape_of(view: View, rows: Rows | slice, pods: Amount | float) -> Amount:
    """Something with the result's shape, for when no resource counts."""
    result: Amount = view.nodes.divisor[0, rows] * pods
    return result


def _use(view: View, name: str, rows: Rows | slice, pods: Amount | float) -> Use | None:
    """None: the resource does not count for this pod."""
    nodes, shape = view.nodes, view.shape
    index = nodes.resources.get(name)
    if index is None:
        return None
    allocatable = nodes.allocatable[index, rows]
    if name == CPU:
        requested = nodes.allocatable[CPU_ROW, rows] - nodes.scored_free[0, rows]
        more: float = shape.scored_cpu_millis
    elif name == MEMORY:
        requested = nodes.allocatable[MEMORY_ROW, rows] - nodes.scored_free[1, rows]
        more = shape.scored_memory_bytes
    else:
        requested, more = nodes.requested[index, rows], dict(shape.requests).get(name, 0)
        if more == 0 and name not in _ALWAYS:
            return None
    exists = allocatable > 0
    return Use(requested + more * pods, np.maximum(allocatable, 1), exists)
