"""NodeAffinity's score: the sum of the weights of the preferred terms that a node matches, the highest is
100.

A preferred term that no label can satisfy (Gt -1) counts nothing; kube-scheduler fails the attempt instead.
"""

import numpy as np

from control_plane.scheduler.framework import Scope, View, normalized
from control_plane.scheduler.node_matching import match_term
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.shape import Shape


class NodeAffinityScore:
    name = "NodeAffinity"

    def scope(self, shape: Shape) -> Scope:
        return Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | None:
        if not view.shape.wishes.preferred_nodes:
            return None
        return normalized(view.once(self.name, _weights), feasible, reverse=False)


def _weights(view: View) -> Amount:
    raw = np.zeros(view.size)
    for preferred in view.shape.wishes.preferred_nodes:
        raw += preferred.weight * match_term(view.nodes, view.size, preferred.term)
    return raw
