"""InterPodAffinity's score: preferences between the pod and existing pods, both ways, summed by domain.

An existing pod's required affinity to the pod counts too, 1 by default. The best node gets 100, the worst 0.
"""

import numpy as np

from control_plane.scheduler.affinity import attracting_keys, attraction
from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.topology import domain_of, domain_totals, per_row


class InterPodAffinityScore:
    """`hard_weight`: what an existing pod's required affinity is worth. `only_own`: pods without preferences
    of their own are not scored."""

    name = "InterPodAffinity"

    def __init__(self, hard_weight: int = 1, only_own: bool = False) -> None:
        self._hard_weight, self._only_own = hard_weight, only_own

    def scope(self, view: View) -> Scope:
        return Scope.OTHERS if view.shape.has_no_terms else Scope.CLUSTER

    def score(self, view: View, feasible: Mask) -> Amount | None:
        if self._only_own and not view.shape.preferred_affinity:
            return None
        raw: Amount | None = None
        for key in attracting_keys(view):
            domain = domain_of(view.nodes, view.size, key)
            if domain is not None:
                share = per_row(domain, domain_totals(domain, attraction(view, key, self._hard_weight), None))
                raw = share if raw is None else raw + share
        if raw is None:
            return None
        lowest = float(raw.min(where=feasible, initial=np.inf))
        spread = float(raw.max(where=feasible, initial=-np.inf)) - lowest
        if spread <= 0:
            return np.zeros(view.size)
        scaled: Amount = np.floor(MAX_SCORE * ((raw - lowest) / spread))
        return scaled
