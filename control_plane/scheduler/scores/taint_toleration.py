"""TaintToleration's score: the fewer PreferNoSchedule taints a pod does not tolerate, the better."""

import numpy as np

from control_plane.scheduler.framework import MAX_SCORE, Scope, View, normalized
from control_plane.scheduler.nodes import Amount, Mask
from control_plane.scheduler.tolerations import PREFER_NO_SCHEDULE, tolerated


class TaintTolerationScore:
    name = "TaintToleration"

    def scope(self, view: View) -> Scope:
        return Scope.NODES

    def score(self, view: View, feasible: Mask) -> Amount | float | None:
        raw = view.once(self.name, _unwanted)
        return float(MAX_SCORE) if raw is None else normalized(raw, feasible, reverse=True)


def _unwanted(view: View) -> Amount | None:
    """How many soft taints of each row are not tolerated; None: none anywhere."""
    soft = tuple(t for t in view.shape.wishes.tolerations if t.effect in ("", PREFER_NO_SCHEDULE))
    counts = [
        sum(taint.effect == PREFER_NO_SCHEDULE and not tolerated(taint, soft) for taint in taints)
        for taints in view.nodes.taint_sets
    ]
    if not any(counts):
        return None
    raw: Amount = np.array(counts, np.float64)[view.nodes.taint_set[: view.size]]
    return raw
