"""NodePorts: two pods of one node cannot have the same host port (per protocol and address)."""

from collections.abc import Sequence

import numpy as np

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Amount, Mask, Rows

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts:
    name = "NodePorts"
    wakes = Cause.NODE_ADDED | Cause.POD_GONE

    def scope(self, view: View) -> Scope:
        return Scope.ROW if view.shape.ports else Scope.NODES

    def mask(self, view: View) -> Mask | None:
        mask: Mask | None = None
        for port in view.shape.ports:
            taken = view.cluster.ports.taken(port, view.size)
            if taken is not None:
                mask = ~taken if mask is None else mask & ~taken
        return mask

    def ahead(self, view: View, rows: Rows, copies: Amount) -> Mask | None:
        if not view.shape.ports:
            return None
        mask = self.mask(view)
        first: Mask = copies == 0  # a second copy finds its ports taken
        return first & (np.ones(len(rows), np.bool_) if mask is None else mask[rows])

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        return (Refusal(REASON, rows),)
