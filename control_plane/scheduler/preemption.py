"""Preemption: which pods of lower priority must go from which node so that a pod fits there.

Kubernetes' rules: on each node where evicting can help, all pods of lower priority are thought away; if the
pod then fits, as many of them as possible are put back, the important first and those that a disruption
budget protects before others. Among the nodes the choice goes by fewest budgets broken, lowest priority of
the highest victim, lowest sum of priorities, fewest victims, latest start of the most important victim. Pure:
the cluster is used for thinking and left as it was.

Source: kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption, and what kube-scheduler does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decisions import Preemption, Unschedulable
from control_plane.scheduler.evaluate import feasible, look, node_mask
from control_plane.scheduler.framework import Profile, Scope, View
from control_plane.scheduler.less_important import enough_without
from control_plane.scheduler.nodes import Mask
from control_plane.scheduler.requests import PODS
from control_plane.scheduler.selectors import Selector
from control_plane.scheduler.shape import Shape

_PRIORITY_OFFSET = 2**31  # makes every priority positive, so that fewer victims never sum up to more
_RESOURCES_FILTER = "NodeResourcesFit"
_Cost = tuple[int, int, int, int, float]


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget: `allowed` more pods may go. `disrupted`: names of pods that it knows to be
    going."""

    namespace: str
    selector: Selector
    allowed: int
    disrupted: frozenset[str] = frozenset()

    def protects(self, pod: PlacedPod) -> bool:
        """Whether the pod counts; a selector without requirements protects nothing."""
        return (
            pod.shape.namespace == self.namespace
            and bool(self.selector.requirements)
            and bool(pod.shape.labels)
            and pod.key.partition("/")[2] not in self.disrupted
            and self.selector.matches(dict(pod.shape.labels))
        )


def preempt(
    cluster: Cluster, refusal: Unschedulable, profile: Profile, budgets: Sequence[Budget], start: int = 0
) -> Preemption | None:
    """The best preemption for a pod that was refused; None when there is none. `start`: the row from which
    candidates are collected, as many as the profile's rules say: by default a tenth of the nodes, at least
    100."""
    pod, rules = refusal.pod, profile.preemption
    if rules is None or pod.shape.never_preempts:
        return None
    view = look(cluster, pod.shape)
    rows = np.flatnonzero(_may_help(view, refusal, profile))
    rows = np.roll(rows, -int(np.searchsorted(rows, start % max(1, view.size))))
    most = max(rules.candidates_least, cluster.nodes.count * rules.candidates_percent // 100)
    on_node = _OnNodes(cluster, pod.shape, profile, budgets, _resources_only(view, profile))
    found: list[_Candidate] = []
    for row in rows.tolist():
        candidate = on_node.candidate(row)
        if candidate is not None:
            found.append(candidate)
            if len(found) == most:
                break
    best = min(found, key=lambda candidate: candidate.cost, default=None)
    if best is None:
        return None
    return Preemption(pod, cluster.nodes.names[best.row], best.victims, best.broken_budgets, refusal)


def _may_help(view: View, refusal: Unschedulable, profile: Profile) -> Mask:
    """Rows refused for what evicting can change, with enough for the pod if all of lower priority went."""
    mask = view.nothing()
    for refused in refusal.refused:
        if refused.evictable:
            mask[refused.rows] = True
    mask &= node_mask(view, profile)
    mask &= enough_without(view)
    return mask


def _resources_only(view: View, profile: Profile) -> bool:
    """Whether resources alone can refuse the pod on a node that it may use, so that no table is needed."""
    for filter_ in profile.filters:
        scope = filter_.scope(view)
        if filter_.name == _RESOURCES_FILTER or scope is Scope.NODES:
            continue
        if scope is not Scope.OTHERS or filter_.mask(view) is not None:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A node on which a pod fits once the victims have gone."""

    row: int
    victims: tuple[PlacedPod, ...]
    broken_budgets: int
    cost: _Cost


class _OnNodes:
    """Finds the fewest victims on one node after the other, for one shape. Where amounts alone decide, what
    was found on a node holds until its pods change."""

    def __init__(
        self, cluster: Cluster, shape: Shape, profile: Profile, budgets: Sequence[Budget], by_amounts: bool
    ) -> None:
        self._cluster, self._shape, self._profile = cluster, shape, profile
        self._budgets, self._by_amounts = _by_namespace(budgets), by_amounts
        basis = (cluster.nodes.version, tuple(budgets))
        self._known = cluster.memo.candidates(shape, basis) if by_amounts else {}

    def candidate(self, row: int) -> _Candidate | None:
        """None when the going of all of lower priority would not be enough."""
        changes = self._cluster.changes[row]
        known: tuple[int, _Candidate | None] | None = self._known.get(row)
        if known is not None and known[0] == changes:
            return known[1]
        found = self._search(row)
        if self._by_amounts:
            self._known[row] = (changes, found)
        return found

    def _search(self, row: int) -> _Candidate | None:
        cluster, shape = self._cluster, self._shape
        there = cluster.on_node[cluster.nodes.names[row]].values()
        lower = sorted((other for other in there if other.shape.priority < shape.priority), key=_importance)
        trial: _Trial = (
            _Amounts(cluster, shape, row) if self._by_amounts else _Table(cluster, shape, row, self._profile)
        )
        for other in lower:
            trial.take_off(other)
        if not trial.fits():
            trial.restore(lower)
            return None
        protected = _protected(lower, self._budgets)
        victims: list[PlacedPod] = []
        for other in sorted(lower, key=lambda other: other.key not in protected):
            trial.put_back(other)
            if not trial.fits():
                trial.take_off(other)
                victims.append(other)
        trial.restore(victims)
        if not victims:
            return None
        broken = sum(victim.key in protected for victim in victims)
        return _Candidate(row, tuple(sorted(victims, key=_importance)), broken, _cost(victims, broken))


def _importance(pod: PlacedPod) -> tuple[int, float, str]:
    """Sorts the most important first: the highest priority, then the longest running; then by name, so that
    it is the same each time."""
    return (-pod.shape.priority, pod.started, pod.key)


def _by_namespace(budgets: Sequence[Budget]) -> dict[str, list[Budget]]:
    found: dict[str, list[Budget]] = {}
    for budget in budgets:
        found.setdefault(budget.namespace, []).append(budget)
    return found


def _protected(pods: Iterable[PlacedPod], budgets: Mapping[str, Sequence[Budget]]) -> set[str]:
    """Keys of the pods whose going a budget would not allow, when they go in this order. `budgets`: by
    namespace."""
    going: Counter[int] = Counter()
    protected: set[str] = set()
    for pod in pods:
        for budget in budgets.get(pod.shape.namespace, ()):
            if budget.protects(pod):
                going[id(budget)] += 1
                if going[id(budget)] > budget.allowed:
                    protected.add(pod.key)
    return protected


def _cost(victims: Sequence[PlacedPod], broken_budgets: int) -> _Cost:
    """Sorts the preferred node first."""
    priorities = [victim.shape.priority for victim in victims]
    highest = max(priorities)
    earliest = min(victim.started for victim in victims if victim.shape.priority == highest)
    total = sum(priority + _PRIORITY_OFFSET for priority in priorities)
    return (broken_budgets, highest, total, len(priorities), -earliest)


class _Trial(Protocol):
    """A node on which pods are thought away and back."""

    def take_off(self, pod: PlacedPod) -> None: ...
    def put_back(self, pod: PlacedPod) -> None: ...
    def fits(self) -> bool: ...
    def restore(self, off: Sequence[PlacedPod]) -> None:
        """Undo: these are off still."""
        ...


class _Amounts(_Trial):
    """By amounts alone; touches nothing."""

    def __init__(self, cluster: Cluster, shape: Shape, row: int) -> None:
        nodes = cluster.nodes
        self._wanted = (*shape.requests, (PODS, 1))
        self._free = {name: float(nodes.free_of(name)[row]) for name, _ in self._wanted}

    def take_off(self, pod: PlacedPod) -> None:
        self._change(pod, 1)

    def put_back(self, pod: PlacedPod) -> None:
        self._change(pod, -1)

    def fits(self) -> bool:
        return all(self._free[name] >= amount for name, amount in self._wanted)

    def restore(self, off: Sequence[PlacedPod]) -> None:
        pass

    def _change(self, pod: PlacedPod, sign: int) -> None:
        self._free[PODS] += sign
        for name, amount in pod.shape.requests:
            if name in self._free:
                self._free[name] += sign * amount


class _Table(_Trial):
    """By all filters, on the table itself."""

    def __init__(self, cluster: Cluster, shape: Shape, row: int, profile: Profile) -> None:
        self._cluster, self._shape, self._row, self._profile = cluster, shape, row, profile

    def take_off(self, pod: PlacedPod) -> None:
        self._cluster.remove_pod(pod.key)

    def put_back(self, pod: PlacedPod) -> None:
        self._cluster.put_pod(pod)

    def fits(self) -> bool:
        return bool(feasible(look(self._cluster, self._shape), self._profile)[self._row])

    def restore(self, off: Sequence[PlacedPod]) -> None:
        for pod in off:
            self._cluster.put_pod(pod)
