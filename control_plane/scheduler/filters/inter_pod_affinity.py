"""InterPodAffinity: required affinity and anti-affinity to pods, and the required anti-affinity of existing
ones.

The first pod of a set that wants each other's company may go anywhere that has the labels: when no existing
pod matches all its terms and it matches them itself.
"""

from collections.abc import Sequence

import numpy as np

from control_plane.scheduler.affinity import means_shape, pods_meant, pods_repelling, repelling_keys
from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.topology import domain_of, domain_totals, has_all, per_row

NO_AFFINITY = "node(s) didn't match pod affinity rules"
ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"


class InterPodAffinity:
    name = "InterPodAffinity"
    wakes = Cause.NODE_ADDED | Cause.NODE_LABELS | Cause.POD_GONE | Cause.POD_PLACED | Cause.NAMESPACE

    def scope(self, view: View) -> Scope:
        return Scope.CLUSTER if view.shape.affinity or view.shape.anti_affinity else Scope.OTHERS

    def mask(self, view: View) -> Mask | None:
        masks = [mask for mask in (_near(view), _far(view), _tolerated(view)) if mask is not None]
        if not masks:
            return None
        combined: Mask = np.logical_and.reduce(masks)
        return combined

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        found: list[Refusal] = []
        for mask, reason, evictable in (
            (_near(view), NO_AFFINITY, False),
            (_far(view), ANTI_AFFINITY, True),
            (_tolerated(view), EXISTING, True),
        ):
            if mask is not None:
                found.append(Refusal(reason, rows[~mask[rows]], evictable))
                rows = rows[mask[rows]]
        return tuple(refusal for refusal in found if len(refusal.rows))


def _near(view: View) -> Mask | None:
    """Rows that have, in each term's domain, a pod that matches all required affinity terms."""
    terms = view.shape.affinity
    if not terms:
        return None
    nodes, size = view.nodes, view.size
    labelled = has_all(nodes, size, [term.topology_key for term in terms])
    pods = pods_meant(view, terms)
    mask, nobody = labelled.copy(), True
    for term in terms:
        domain = domain_of(nodes, size, term.topology_key)
        if domain is not None:
            totals = domain_totals(domain, pods, None)
            nobody &= not totals.any()
            mask &= per_row(domain, totals) > 0
    first = nobody and all(means_shape(view.cluster, term, view.shape) for term in terms)
    return labelled if first else mask


def _far(view: View) -> Mask | None:
    """Rows without a pod, in each anti-affinity term's domain, that the term means."""
    mask: Mask | None = None
    for term in view.shape.anti_affinity:
        domain = domain_of(view.nodes, view.size, term.topology_key)
        if domain is not None:
            clear = per_row(domain, domain_totals(domain, pods_meant(view, (term,)), None)) == 0
            mask = clear if mask is None else mask & clear
    return mask


def _tolerated(view: View) -> Mask | None:
    """Rows without a pod, in its term's domain, whose anti-affinity means this pod."""
    mask: Mask | None = None
    for key in repelling_keys(view):
        domain = domain_of(view.nodes, view.size, key)
        if domain is not None:
            clear = per_row(domain, domain_totals(domain, pods_repelling(view, key), None)) == 0
            mask = clear if mask is None else mask & clear
    return mask
