"""TaintToleration: a taint NoSchedule or NoExecute keeps away pods that do not tolerate it.

Nodes share few different lists of taints, so each list is judged once and looked up by row.
"""

from collections.abc import Sequence

import numpy as np

from control_plane.scheduler.framework import Cause, Refusal, Scope, View
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.tolerations import first_repelling


class TaintToleration:
    name = "TaintToleration"
    wakes = Cause.NODE_ADDED | Cause.NODE_TAINTS

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def mask(self, view: View) -> Mask | None:
        tolerations = view.shape.wishes.tolerations
        fits = [first_repelling(taints, tolerations) is None for taints in view.nodes.taint_sets]
        if all(fits):
            return None
        mask: Mask = np.array(fits, np.bool_)[view.nodes.taint_set[: view.size]]
        return mask

    def refusals(self, view: View, rows: Rows) -> Sequence[Refusal]:
        found: dict[str, list[int]] = {}
        for row in rows.tolist():
            taints = view.nodes.taint_sets[view.nodes.taint_set[row]]
            taint = first_repelling(taints, view.shape.wishes.tolerations)
            if taint is not None:
                found.setdefault(f"{{{taint.key}: {taint.value}}}", []).append(row)
        return tuple(
            Refusal(f"node(s) had untolerated taint {text}", np.array(where, np.intp), evictable=False)
            for text, where in found.items()
        )
