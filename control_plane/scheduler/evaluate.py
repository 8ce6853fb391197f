"""Runs the filters and scores of a profile for one shape: where it may run, how good each node is, why not.
Pure."""

from functools import cache
from typing import cast

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod, Refused, Unschedulable
from control_plane.scheduler.framework import Cause, Filter, PodFilter, Profile, RowFilter, Scope, View
from control_plane.scheduler.less_important import enough_without
from control_plane.scheduler.node_matching import named_nodes
from control_plane.scheduler.nodes import PODS_ROW, Amount, Mask, Rows
from control_plane.scheduler.shape import Shape

_MOST_PODS = 1 << 20  # of one node
# What can make a node do that did not, whatever refuses it now: one that gets better in one thing may lack
# another still, and one that comes may have to be made ready. Whether it did is looked at (could_fit).
_OF_A_NODE = (
    Cause.NODE_ADDED | Cause.NODE_ALLOCATABLE | Cause.NODE_LABELS | Cause.NODE_TAINTS | Cause.POD_GONE
)


def look(cluster: Cluster, shape: Shape) -> View:
    """A view of the cluster for a pod of this shape."""
    return View(cluster, shape, cluster.memo.judged(shape.wishes, cluster.nodes.version, cluster.nodes.size))


def feasible(view: View, profile: Profile) -> Mask:
    """Rows on which the pod may run. The caller may change the mask."""
    mask = node_mask(view, profile)
    for filter_ in profile.filters:
        if filter_.scope(view) is not Scope.NODES:
            own = filter_.mask(view)
            if own is not None:
                mask &= own
    return mask


def node_mask(view: View, profile: Profile) -> Mask:
    """Rows that pass all filters that look at nodes alone; a new one each time."""
    return view.once(profile.name, lambda view: _node_mask(view, profile)).copy()


def _node_mask(view: View, profile: Profile) -> Mask:
    mask: Mask = view.nodes.alive[: view.size].copy()
    for filter_ in profile.filters:
        if filter_.scope(view) is Scope.NODES:
            own = filter_.mask(view)
            if own is not None:
                mask &= own
    return mask


def plugin_scores(view: View, profile: Profile, mask: Mask) -> dict[str, Amount]:
    """score -> weighted vector, for scores that have an opinion."""
    found: dict[str, Amount] = {}
    for score, weight in profile.scores:
        vector = score.score(view, mask)
        if vector is not None:
            found[score.name] = np.broadcast_to(np.asarray(vector * weight), view.size)
    return found


def total_score(view: View, profile: Profile, mask: Mask) -> Amount:
    """The weighted sum of all scores, for feasible rows; a new vector."""
    total: Amount | None = None
    everywhere = 0.0
    for score, weight in profile.scores:
        vector = score.score(view, mask)
        if vector is None:
            continue
        if isinstance(vector, float):
            everywhere += vector * weight
        elif total is None:
            total = vector * weight
        else:
            total += vector if weight == 1 else vector * weight
    if total is None:
        return np.full(view.size, everywhere)
    if everywhere:
        total += everywhere
    return total


def choose(view: View, profile: Profile, mask: Mask, rotation: int) -> int:
    """The best feasible row. Among equals the one with fewest pods, then the next at or after row
    `rotation`."""
    if np.count_nonzero(mask) == 1:
        return int(mask.argmax())
    key = total_score(view, profile, mask)
    key += 1  # so that 0 is left for rows that are not feasible
    key *= mask
    key *= _MOST_PODS
    key -= view.nodes.requested[PODS_ROW, : view.size]
    start = rotation % view.size
    after = start + int(key[start:].argmax())
    if start == 0:
        return after
    before = int(key[:start].argmax())
    return before if key[before] > key[after] else after


def explain(cluster: Cluster, pod: PendingPod, profile: Profile) -> Unschedulable:
    """Why no node takes the pod. Each node counts for the first filter that refuses it; what is wrong
    whatever the node comes before all."""
    view = look(cluster, pod.shape)
    rows = looked_at(view)
    filters = sorted(profile.filters, key=lambda filter_: not _refuses_everywhere(view, filter_))
    wakes = Cause(0) if filters and _refuses_everywhere(view, filters[0]) else _OF_A_NODE
    anywhere, refused = Cause(0), list[Refused]()
    for filter_ in filters:
        mask = filter_.mask(view)
        if mask is None or mask[rows].all():
            continue
        refused += _refused(view, filter_, rows[~mask[rows]])
        wakes |= filter_.wakes
        if filter_.scope(view) in (Scope.OTHERS, Scope.CLUSTER):
            anywhere |= filter_.wakes
        rows = rows[mask[rows]]
    return Unschedulable(pod, cluster.nodes.count, tuple(refused), wakes, anywhere)


def _refuses_everywhere(view: View, filter_: Filter) -> bool:
    return _looks_at_pods(type(filter_)) and cast(PodFilter, filter_).refuses_everywhere(view)


@cache
def _looks_at_pods(kind: type[Filter]) -> bool:
    return issubclass(kind, PodFilter)


def could_fit(cluster: Cluster, shape: Shape, profile: Profile, rows: Rows) -> bool:
    """Whether any of `rows` passes all filters that do not look at other nodes' pods, or could by preemption:
    cheap, never wrong with no."""
    view = look(cluster, shape)
    may = node_mask(view, profile)[rows]
    if not may.any():
        return False
    mask = may.copy()
    none_before = np.zeros((1, 1))
    for filter_ in profile.filters:
        if filter_.scope(view) is Scope.ROW:
            own = cast(RowFilter, filter_).ahead(view, rows, none_before)
            if own is not None:
                mask &= own[0]
    if mask.any():
        return True
    preempts = profile.preemption is not None and not shape.never_preempts
    return preempts and bool((may & enough_without(view)[rows]).any())


def looked_at(view: View) -> Rows:
    """The rows that are judged at all: every node, or those alone that the pod's affinity names."""
    names = named_nodes(view.shape)
    if names is None:
        return np.flatnonzero(view.nodes.alive[: view.size])
    return np.array(sorted(view.nodes.rows[name] for name in names if name in view.nodes.rows), np.intp)


def _refused(view: View, filter_: Filter, rows: Rows) -> list[Refused]:
    names = view.nodes.names
    return [
        Refused(
            filter_.name,
            refusal.reason,
            tuple(names[refusal.rows].tolist()),
            refusal.evictable,
            refusal.rows,
        )
        for refusal in filter_.refusals(view, rows)
    ]
