"""What filter and score of PodTopologySpread share: which nodes and which pods a constraint counts. Pure.

Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints.
"""

from dataclasses import dataclass, replace

import numpy as np

from control_plane.scheduler.framework import View
from control_plane.scheduler.node_matching import match_required
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.selectors import Selector
from control_plane.scheduler.shape import SpreadConstraint
from control_plane.scheduler.tolerations import first_repelling
from control_plane.scheduler.topology import HOSTNAME, ZONE


@dataclass(frozen=True, slots=True)
class Defaults:
    """Constraints of pods that name none; their selectors are left out (default_selectors.py). `system`:
    those that are built in, for which a node need not have all labels."""

    constraints: tuple[SpreadConstraint, ...]
    system: bool


SYSTEM_DEFAULTS = Defaults(
    (
        SpreadConstraint(3, HOSTNAME, False, None, 1, True, False),
        SpreadConstraint(5, ZONE, False, None, 1, True, False),
    ),
    system=True,
)


def constraints_of(view: View, defaults: Defaults, hard: bool) -> tuple[SpreadConstraint, ...]:
    """The pod's own hard or soft constraints, or, where it has neither, the default ones."""
    if view.shape.spread:
        return tuple(constraint for constraint in view.shape.spread if constraint.hard == hard)
    wanted = tuple(constraint for constraint in defaults.constraints if constraint.hard == hard)
    selector = view.cluster.default_selectors.of(view.shape) if wanted else None
    return () if selector is None else tuple(replace(row, selector=selector) for row in wanted)


def matching_pods(view: View, selector: Selector | None) -> Amount:
    """Pods of each row that the selector counts: of the pod's namespace, not terminating. A selector without
    any requirement counts none, as in kube-scheduler."""
    namespace = view.shape.namespace
    if selector is None or not selector.requirements:
        return view.keep("spread nothing", lambda view: np.zeros(view.size))
    return view.cluster.population.tally(
        ("spread", namespace, selector),
        lambda shape, labels: int(shape.namespace == namespace and selector.matches(labels)),
        counts_terminating=False,
    )


def self_match(view: View, selector: Selector | None) -> bool:
    """Whether the selector means the pod itself."""
    return selector is not None and selector.matches(dict(view.shape.labels))


def included(view: View, constraint: SpreadConstraint) -> Mask | None:
    """Rows that the constraint's policies let count; None: all."""
    mask: Mask | None = None
    if constraint.honor_affinity:
        mask = view.once("spread affinity", lambda view: match_required(view.nodes, view.size, view.shape))
    if constraint.honor_taints:
        untainted = view.once("spread taints", _untainted)
        mask = untainted if mask is None else mask & untainted
    return mask


def _untainted(view: View) -> Mask:
    tolerations = view.shape.wishes.tolerations
    fits = [first_repelling(taints, tolerations) is None for taints in view.nodes.taint_sets]
    mask: Mask = np.array(fits, np.bool_)[view.nodes.taint_set[: view.size]]
    return mask
