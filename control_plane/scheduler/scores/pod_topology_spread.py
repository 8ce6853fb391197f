"""PodTopologySpread's score: the fewer matching pods in a node's domains, the better (ScheduleAnyway).

A pod without any constraints is spread by the defaults of the profile; the built-in ones are over hosts
(maxSkew 3) and zones (maxSkew 5). What counts then stands in default_selectors.py.
"""

import math
from dataclasses import dataclass

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Ids, Mask
from control_plane.scheduler.shape import SpreadConstraint
from control_plane.scheduler.spreading import (
    SYSTEM_DEFAULTS,
    Defaults,
    constraints_of,
    included,
    matching_pods,
    self_match,
)
from control_plane.scheduler.topology import HOSTNAME, domain_of, domain_totals, has_all, per_row


@dataclass(frozen=True, slots=True)
class SoftPart:
    """One constraint as it counts now. `totals`: matching pods by domain, None where the domain is the host
    itself; `per_pod`: what a pod of the shape adds to them."""

    domain: Ids
    totals: Amount | None
    base: float
    per_pod: int


@dataclass(frozen=True, slots=True)
class SoftSpread:
    """All soft constraints of a pod. `scored`: feasible rows that have the labels; `host_pods`: matching pods
    by row; `host_step`: what a pod of the shape adds to them."""

    parts: tuple[SoftPart, ...]
    scored: Mask
    host_pods: Amount
    host_step: int


class PodTopologySpreadScore:
    """`defaults`: for pods without constraints of their own."""

    name = "PodTopologySpread"

    def __init__(self, defaults: Defaults = SYSTEM_DEFAULTS) -> None:
        self._defaults = defaults

    def scope(self, view: View) -> Scope:
        return Scope.CLUSTER if self._soft(view) else Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | None:
        if not self._soft(view):
            return None
        spread = self.soft_spread(view, feasible)
        raw = np.zeros(view.size)
        for part in spread.parts:
            raw += _share(part, spread)
        return _normalize(np.floor(raw + 0.5), spread.scored)

    def soft_spread(self, view: View, feasible: Mask) -> SoftSpread:
        """The soft constraints of the pod with what they count."""
        soft, size = self._soft(view), view.size
        scored, counts_all = feasible, view.nodes.alive[:size]
        if view.shape.spread or not self._defaults.system:  # nodes must have all the labels
            labelled = has_all(view.nodes, size, [constraint.topology_key for constraint in soft])
            scored, counts_all = feasible & labelled, counts_all & labelled
        parts: list[SoftPart] = []
        host_pods, host_step = np.zeros(size), 0
        for constraint in soft:
            domain = domain_of(view.nodes, size, constraint.topology_key)
            if domain is None:
                continue
            pods, step = _matching(view, constraint)
            base, totals = float(constraint.max_skew - 1), None
            if constraint.topology_key == HOSTNAME:
                host_pods, host_step = pods[:size], step
            else:
                policy = included(view, constraint)
                totals = domain_totals(domain, pods, counts_all if policy is None else counts_all & policy)
            parts.append(SoftPart(domain, totals, base, step))
        return SoftSpread(tuple(parts), scored, host_pods, host_step)

    def _soft(self, view: View) -> tuple[SpreadConstraint, ...]:
        return constraints_of(view, self._defaults, hard=False)


def _matching(view: View, constraint: SpreadConstraint) -> tuple[Amount, int]:
    """Matching pods by row, and how many a pod of the shape would be."""
    selector = constraint.selector
    counts = selector is not None and bool(selector.requirements) and self_match(view, selector)
    return matching_pods(view, selector), int(counts)


def _share(part: SoftPart, spread: SoftSpread) -> Amount:
    """What one constraint adds to each row: pods in its domain, weighted by how many domains there are."""
    if part.totals is None:
        weight = math.log(int(np.count_nonzero(spread.scored)) + 2)
        return np.where(part.domain >= 0, spread.host_pods * weight + part.base, 0.0)
    weight = math.log(_domains(part.domain, spread.scored) + 2)
    return np.where(part.domain >= 0, per_row(part.domain, part.totals) * weight + part.base, 0.0)


def _domains(domain: Ids, scored: Mask) -> int:
    """How many domains the scored rows are in."""
    present = np.bincount(domain[scored] + 1, minlength=1)
    return int(np.count_nonzero(present[1:]))


def _normalize(raw: Amount, scored: Mask) -> Amount:
    """100 * (most + fewest - raw) / most in whole numbers; 0 for rows that lack a label."""
    if not scored.any():
        return np.zeros(len(raw))
    most = float(raw.max(where=scored, initial=0.0))
    if most == 0:
        return np.where(scored, float(MAX_SCORE), 0.0)
    fewest = float(raw.min(where=scored, initial=np.inf))
    return np.where(scored, np.floor(MAX_SCORE * (most + fewest - raw) / most), 0.0)
