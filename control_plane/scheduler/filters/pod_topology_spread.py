"""PodTopologySpread: no domain may have more than maxSkew matching pods above the domain that has fewest.

Counted are nodes that have the labels of all hard constraints and that the constraint's policies include.
With fewer domains than minDomains the fewest is taken to be 0. A node without the label is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Amount, Ids, Mask, Rows
from control_plane.scheduler.shape import SpreadConstraint
from control_plane.scheduler.spreading import (
    SYSTEM_DEFAULTS,
    Defaults,
    constraints_of,
    included,
    matching_pods,
    self_match,
)
from control_plane.scheduler.topology import domain_of, domain_totals, has_all, per_row

REASON = "node(s) didn't match pod topology spread constraints"
MISSING_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"


class PodTopologySpread:
    """`defaults`: for pods without constraints of their own."""

    name = "PodTopologySpread"
    wakes = (
        Cause.NODE_ADDED | Cause.NODE_LABELS | Cause.NODE_TAINTS | Cause.POD_GONE | Cause.POD_PLACED
    )  # a pod placed elsewhere raises the fewest

    def __init__(self, defaults: Defaults = SYSTEM_DEFAULTS) -> None:
        self._defaults = defaults

    def hard(self, view: View) -> tuple[SpreadConstraint, ...]:
        """The constraints that the pod is held to."""
        return constraints_of(view, self._defaults, hard=True)

    def scope(self, view: View) -> Scope:
        return Scope.CLUSTER if self.hard(view) else Scope.NODES

    def mask(self, view: View) -> Mask | None:
        constraints = self.hard(view)
        if not constraints:
            return None
        mask = np.ones(view.size, np.bool_)
        for constraint in constraints:
            mask &= _within_skew(view, constraints, constraint)
        return mask

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        """For each row the first constraint that refuses it counts."""
        found: list[Refusal] = []
        constraints = self.hard(view)
        for constraint in constraints:
            domain = domain_of(view.nodes, view.size, constraint.topology_key)
            labelled = np.zeros(len(rows), np.bool_) if domain is None else domain[rows] >= 0
            found.append(Refusal(MISSING_LABEL, rows[~labelled], evictable=False))
            rows = rows[labelled]
            fits = _within_skew(view, constraints, constraint)[rows]
            found.append(Refusal(REASON, rows[~fits]))
            rows = rows[fits]
        return tuple(refusal for refusal in found if len(refusal.rows))


def _counted_nodes(view: View, keys: Sequence[str]) -> Mask:
    return view.nodes.alive[: view.size] & has_all(view.nodes, view.size, keys)


@dataclass(frozen=True, slots=True)
class Skew:
    """One hard constraint as it counts now. `totals`: matching pods by domain; `own`: 1 where the pod itself
    counts; `fewest`: of the domain that has fewest, infinite where no domain counts, and 0 where there are
    too few `domains`."""

    domain: Ids
    totals: Amount
    fewest: float
    own: int
    domains: int

    def over(self) -> Amount:
        """By row, how many pods its domain would have above the fewest, with one more pod there."""
        over: Amount = per_row(self.domain, self.totals) + self.own - self.fewest
        return over


def skew_of(view: View, constraints: Sequence[SpreadConstraint], constraint: SpreadConstraint) -> Skew | None:
    """How one of all hard `constraints` counts; None: no node has its label."""
    domain = domain_of(view.nodes, view.size, constraint.topology_key)
    if domain is None:
        return None
    keys = tuple(other.topology_key for other in constraints)
    counted = view.once(("spread nodes", keys), lambda view: _counted_nodes(view, keys))
    policy = included(view, constraint)
    if policy is not None:
        counted = counted & policy
    totals = domain_totals(domain, matching_pods(view, constraint.selector), counted)
    present = domain_totals(domain, np.ones(view.size), counted) > 0
    domains = int(present.sum())
    if domains == 0:
        fewest = np.inf
    elif domains < constraint.min_domains:
        fewest = 0.0
    else:
        fewest = float(totals[present].min())
    return Skew(domain, totals, fewest, int(self_match(view, constraint.selector)), domains)


def _within_skew(view: View, constraints: Sequence[SpreadConstraint], constraint: SpreadConstraint) -> Mask:
    """Rows that have the label and stay within the skew with one more pod."""
    skew = skew_of(view, constraints, constraint)
    if skew is None:
        return view.nothing()
    within: Mask = skew.over() <= constraint.max_skew
    within &= skew.domain >= 0
    return within
