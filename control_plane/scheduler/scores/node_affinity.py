"""NodeAffinity's score: the sum of the weights of the preferred terms that a node matches, the highest is
100.

A preferred term that no label can satisfy (Gt -1) counts nothing; kube-scheduler fails the attempt instead.
"""

import numpy as np

from control_plane.scheduler.framework import Scope, View, normalized
from control_plane.scheduler.node_matching import match_term
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.shape import WeightedNodeTerm


class NodeAffinityScore:
    """`added`: preferred terms of the profile, that count for every pod."""

    name = "NodeAffinity"

    def __init__(self, added: tuple[WeightedNodeTerm, ...] = ()) -> None:
        self._added = added

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | None:
        if not view.shape.wishes.preferred_nodes and not self._added:
            return None
        weights = view.once((self.name, self._added), self._weights)
        return normalized(weights, feasible, reverse=False)

    def _weights(self, view: View) -> Amount:
        raw = np.zeros(view.size)
        for preferred in (*view.shape.wishes.preferred_nodes, *self._added):
            raw += preferred.weight * match_term(view.nodes, view.size, preferred.term)
        return raw
