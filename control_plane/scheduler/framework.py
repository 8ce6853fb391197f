"""What a filter and a score are, and what they look at.

A filter gives one mask over all rows (True: may run there) and, only when somebody asks, says why it refused.
A score gives one vector over all rows, 0 to 100. Both are pure functions of a View.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.nodes import Amount, Mask, NodeTable, Rows
from control_plane.scheduler.shape import Shape

T = TypeVar("T")
MAX_SCORE = 100


class Scope(Enum):
    """What a result for a shape depends on besides the shape: how long it stays true."""

    NODES = auto()  # on what nodes are: stays true while NodeTable.version does
    ROW = auto()  # also on the pods of the same row: placing a pod changes that row alone
    OTHERS = auto()  # also on pods elsewhere, but not on pods of this shape
    CLUSTER = auto()  # also on pods elsewhere, those of this shape too


class Cause(Flag):
    """What happens in a cluster that can let a refused pod fit."""

    NODE_ADDED = auto()
    NODE_ALLOCATABLE = auto()  # a node has more to give
    NODE_LABELS = auto()
    NODE_TAINTS = auto()  # also: unschedulable
    POD_GONE = auto()  # from a node: deleted, finished or terminating
    POD_PLACED = auto()  # on a node: bound, or its labels have changed
    NAMESPACE = auto()  # its labels
    STORAGE = auto()  # a claim, a volume or a class
    ANY = (
        NODE_ADDED
        | NODE_ALLOCATABLE
        | NODE_LABELS
        | NODE_TAINTS
        | POD_GONE
        | POD_PLACED
        | NAMESPACE
        | STORAGE
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Rows that a filter refused for one reason, in Kubernetes' words. `evictable`: evicting pods from
    the node can help."""

    reason: str
    rows: Rows
    evictable: bool = True


class View:
    """One shape before the cluster. Lives for one decision; `static` outlives it while nodes do not
    change."""

    __slots__ = ("_kept", "cluster", "nodes", "shape", "size", "static")

    def __init__(self, cluster: Cluster, shape: Shape, static: dict[Hashable, Any]) -> None:
        self.cluster = cluster
        self.nodes: NodeTable = cluster.nodes
        self.shape = shape
        self.size = cluster.nodes.size
        self.static = static
        self._kept: dict[str, Any] = {}

    def once(self, name: Hashable, compute: Callable[["View"], T]) -> T:
        """The result of `compute`, made once while nodes stay as they are: for what depends on nodes
        alone."""
        if name not in self.static:
            self.static[name] = compute(self)
        result: T = self.static[name]
        return result

    def keep(self, name: str, compute: Callable[["View"], T]) -> T:
        """The result of `compute`, made once for this decision."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        result: T = self._kept[name]
        return result

    def nothing(self) -> Mask:
        """A new mask that is False everywhere."""
        return np.zeros(self.size, np.bool_)


class Filter(Protocol):
    """Says where a pod may run."""

    @property
    def name(self) -> str: ...
    @property
    def wakes(self) -> Cause:
        """What can change its refusal."""
        ...

    def scope(self, view: View) -> Scope: ...
    def mask(self, view: View) -> Mask | None:
        """True where it does not object; None: it has no objection at all."""
        ...

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        """Why it refused `rows` (all of which it did)."""
        ...


class RowFilter(Filter, Protocol):
    """A filter of scope ROW, which can also look ahead."""

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Mask | None:
        """[copies, rows]: whether one more pod fits after that many copies of it; copies is a column."""
        ...


@runtime_checkable
class PodFilter(Protocol):
    """A filter that may refuse a pod for what is wrong with itself, whatever the node: a missing claim."""

    def refuses_everywhere(self, view: View) -> bool: ...


class Score(Protocol):
    """Says how good the rows are on which a pod may run."""

    @property
    def name(self) -> str: ...
    def scope(self, view: View) -> Scope: ...
    def score(self, view: View, feasible: Mask) -> Amount | float | None:
        """0 to 100 for each feasible row (elsewhere: anything finite, not below 0), or for all the same;
        None: it has no opinion and counts 0."""
        ...


class RowScore(Score, Protocol):
    """A score of scope ROW, which can also look ahead."""

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Amount | None:
        """[copies, rows]: the score of one more pod after that many copies of it; copies is a column."""
        ...


@dataclass(frozen=True, slots=True)
class PreemptionRules:
    """On how many nodes preemption is thought through at the least: a share of all, and a number."""

    candidates_percent: int = 10
    candidates_least: int = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """Which filters, in which order, and which scores with which weights decide; `preemption` None: never.
    The name is what pods write into spec.schedulerName."""

    name: str
    filters: tuple[Filter, ...]
    scores: tuple[tuple[Score, int], ...]
    preemption: PreemptionRules | None = PreemptionRules()


def normalized(raw: Amount, feasible: Mask, reverse: bool) -> Amount:
    """Kubernetes' default normalisation: the highest feasible becomes 100, in whole numbers; or the
    reverse."""
    highest = float(np.max(raw, where=feasible, initial=0.0))
    if highest == 0:
        return np.full(len(raw), float(MAX_SCORE)) if reverse else raw
    scaled: Amount = np.floor(raw * MAX_SCORE / highest)
    return MAX_SCORE - scaled if reverse else scaled


def counted(refusals: Sequence[Refusal]) -> Mapping[str, int]:
    """reason -> number of rows."""
    totals: dict[str, int] = {}
    for refusal in refusals:
        totals[refusal.reason] = totals.get(refusal.reason, 0) + len(refusal.rows)
    return totals
