"""The decision: given the cluster and the pods that wait, who goes where, and who nowhere and why.

Pure: the same cluster, pods, profile and rotation give the same decisions. The cluster is the decision's own
working copy in that every placement is assumed in it at once, so that the next pod sees it; whoever only
wants to know takes the assumptions back (Cluster.undo).
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from itertools import groupby

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import Decision, PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.evaluate import choose, explain, feasible, look
from control_plane.scheduler.framework import Profile, Scope, View
from control_plane.scheduler.groups import pour
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.preemption import Budget, preempt
from control_plane.scheduler.scores.pod_topology_spread import PodTopologySpreadScore
from control_plane.scheduler.spread_groups import WORTH_IT, pour_spread


class Way(Enum):
    """How pods of a shape can be placed; it says how long that takes."""

    LOCAL = auto()  # a placement changes its own row alone: groups.py
    SPREAD = auto()  # soft spreading is all that looks further: spread_groups.py
    SINGLE = auto()  # one by one


def way_of(view: View, profile: Profile) -> Way:
    """The quickest way there is for pods of the shape."""
    if any(filter_.scope(view) is Scope.CLUSTER for filter_ in profile.filters):
        return Way.SINGLE
    wide = [score for score, _ in profile.scores if score.scope(view) is Scope.CLUSTER]
    if not wide:
        return Way.LOCAL
    spreading = len(wide) == 1 and isinstance(wide[0], PodTopologySpreadScore)
    return Way.SPREAD if spreading else Way.SINGLE


def decide(
    cluster: Cluster,
    pending: Sequence[PendingPod],
    profile: Profile,
    rotation: int = 0,
    budgets: Sequence[Budget] | None = None,
) -> list[Decision]:
    """Decide about each pod, in order. Neighbours of one shape are placed as a group, with the outcome of one
    by one. `rotation` breaks ties: the search for the best node begins at that row.

    With `budgets` (None: nothing is preempted) a pod that fits nowhere may get a Preemption; the rest of its
    group is then left undecided, so that one call stays short."""
    decisions: list[Decision] = []
    for _, group in groupby(pending, key=lambda pod: (id(pod.shape), pod.nominated and pod.key)):
        decisions += _decide_group(cluster, list(group), profile, rotation, budgets)
    return decisions


def _decide_group(
    cluster: Cluster,
    pods: Sequence[PendingPod],
    profile: Profile,
    rotation: int,
    budgets: Sequence[Budget] | None,
) -> list[Decision]:
    decisions: list[Decision] = []
    shape = pods[0].shape
    while len(decisions) < len(pods):
        left = pods[len(decisions) :]
        view = look(cluster, shape)
        mask = feasible(view, profile)
        if not mask.any():
            return decisions + _refuse(cluster, left, profile, rotation, budgets)
        rows = _next_rows(view, profile, mask, left, rotation)
        keys = [(pod.key, pod.uid) for pod in left[: len(rows)]]
        placed = cluster.assume_many(shape, keys, rows)
        decisions += [Placed(pod, there.node) for pod, there in zip(left, placed, strict=False)]
    return decisions


def _next_rows(view: View, profile: Profile, mask: Mask, left: Sequence[PendingPod], rotation: int) -> Rows:
    """Where the next pods go, at least one: all that can be told at once, by the quickest way there is."""
    nominated = view.nodes.rows.get(left[0].nominated)
    if nominated is not None and mask[nominated]:
        return np.array([nominated], np.intp)
    pods = len(left)
    way = Way.SINGLE if pods == 1 else way_of(view, profile)
    if way is Way.LOCAL:
        return pour(view, profile, mask, pods, rotation)
    if way is Way.SPREAD and pods >= WORTH_IT:
        rows = pour_spread(view, profile, mask, pods, rotation)
        if rows is not None:
            return rows
    return np.array([choose(view, profile, mask, rotation)], np.intp)


def _refuse(
    cluster: Cluster,
    pods: Sequence[PendingPod],
    profile: Profile,
    rotation: int,
    budgets: Sequence[Budget] | None,
) -> list[Decision]:
    """The same reason for each: they are alike and nothing is placed between them. Or room is made for the
    first."""
    first = explain(cluster, pods[0], profile)
    if budgets is not None:
        preemption = _make_room(cluster, first, profile, rotation, budgets)
        if preemption is not None:
            row = cluster.nodes.rows[preemption.node]
            cluster.assume_many(first.pod.shape, [(first.pod.key, first.pod.uid)], np.array([row], np.intp))
            return [preemption]
    return [first, *(replace(first, pod=pod) for pod in pods[1:])]


def _make_room(
    cluster: Cluster, refusal: Unschedulable, profile: Profile, rotation: int, budgets: Sequence[Budget]
) -> Preemption | None:
    """Victims for the pod; none while those of its nominated node are still going."""
    pod = refusal.pod
    there = cluster.on_node.get(pod.nominated, {}).values() if pod.nominated in cluster.nodes.rows else ()
    if any(other.terminating and other.shape.priority < pod.shape.priority for other in there):
        return Preemption(pod, pod.nominated, (), 0, refusal)
    return preempt(cluster, refusal, profile, budgets, rotation)
