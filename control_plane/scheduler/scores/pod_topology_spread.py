"""PodTopologySpread's score: the fewer matching pods in a node's domains, the better (ScheduleAnyway).

A pod without any constraints that has an owner is spread as by Kubernetes' built-in defaults: over hosts
(maxSkew 3) and zones (maxSkew 5), counting pods of the same owner. (Kubernetes counts by the selectors of the
services and the owner of the pod.)
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Ids, Mask
from control_plane.scheduler.shape import Shape, SpreadConstraint
from control_plane.scheduler.spreading import included, matching_pods, owned_pods
from control_plane.scheduler.topology import HOSTNAME, ZONE, domain_of, domain_totals, has_all, per_row

_DEFAULTS = (
    SpreadConstraint(3, HOSTNAME, False, None, 1, True, False),
    SpreadConstraint(5, ZONE, False, None, 1, True, False),
)


@dataclass(frozen=True, slots=True)
class _Counted:
    constraint: SpreadConstraint
    pods: npt.NDArray[np.int32]  # matching pods by row


class PodTopologySpreadScore:
    name = "PodTopologySpread"

    def scope(self, shape: Shape) -> Scope:
        return Scope.CLUSTER if _soft(shape) else Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | None:
        soft = _soft(view.shape)
        if not soft:
            return None
        size, scored = view.size, feasible
        counts_all = view.nodes.alive[:size]
        if view.shape.spread:  # constraints of the pod's own: nodes must have all their labels
            labelled = has_all(view.nodes, size, [constraint.topology_key for constraint in soft])
            scored, counts_all = feasible & labelled, counts_all & labelled
        raw = np.zeros(size)
        for constraint in soft:
            raw += _share(view, _counted(view, constraint), scored, counts_all)
        return _normalize(np.floor(raw + 0.5), scored)


def _soft(shape: Shape) -> tuple[SpreadConstraint, ...]:
    if shape.spread:
        return tuple(constraint for constraint in shape.spread if not constraint.hard)
    return _DEFAULTS if shape.owner_uid else ()


def _counted(view: View, constraint: SpreadConstraint) -> _Counted:
    if view.shape.spread:
        return _Counted(constraint, matching_pods(view, constraint.selector))
    return _Counted(constraint, owned_pods(view, view.shape.owner_uid))


def _share(view: View, counted: _Counted, scored: Mask, counts_all: Mask) -> Amount | float:
    """What one constraint adds to each row: pods in its domain, weighted by how many domains there are."""
    constraint = counted.constraint
    domain = domain_of(view.nodes, view.size, constraint.topology_key)
    if domain is None:
        return 0.0
    base = float(constraint.max_skew - 1)
    if constraint.topology_key == HOSTNAME:
        weight = math.log(int(scored.sum()) + 2)
        return np.where(domain >= 0, counted.pods[: view.size] * weight + base, 0.0)
    policy = included(view, constraint)
    nodes = counts_all if policy is None else counts_all & policy
    totals = domain_totals(domain, counted.pods, nodes)
    weight = math.log(_domains(domain, scored) + 2)
    return np.where(domain >= 0, per_row(domain, totals) * weight + base, 0.0)


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
