"""InterPodAffinity's score: preferences between the pod and existing pods, both ways, summed by domain.

An existing pod's required affinity to the pod counts 1. The best node gets 100, the worst 0.
"""

import numpy as np

from control_plane.scheduler.affinity import attracting_keys, attraction
from control_plane.scheduler.framework import MAX_SCORE, Scope, View
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.topology import domain_of, domain_totals, per_row


class InterPodAffinityScore:
    name = "InterPodAffinity"

    def scope(self, shape: Shape) -> Scope:
        return Scope.OTHERS if shape.has_no_terms else Scope.CLUSTER

    def score(self, view: View, feasible: Mask) -> Amount | None:
        raw: Amount | None = None
        for key in attracting_keys(view):
            domain = domain_of(view.nodes, view.size, key)
            if domain is not None:
                share = per_row(domain, domain_totals(domain, attraction(view, key), None))
                raw = share if raw is None else raw + share
        if raw is None:
            return None
        lowest = float(raw.min(where=feasible, initial=np.inf))
        spread = float(raw.max(where=feasible, initial=-np.inf)) - lowest
        if spread <= 0:
            return np.zeros(view.size)
        scaled: Amount = np.floor(MAX_SCORE * ((raw - lowest) / spread))
        return scaled
