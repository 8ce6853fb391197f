"""The decision: given the cluster and the pods that wait, who goes where, and who nowhere and why.

Pure: the same cluster, pods, profile and rotation give the same decisions. The cluster is the decision's own
working copy in that every placement is assumed in it at once, so that the next pod sees it; whoever only
wants to know takes the assumptions back (Cluster.undo).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import Decision, PendingPod, Placed, Unschedulable
from control_plane.scheduler.evaluate import choose, explain, feasible, look
from control_plane.scheduler.framework import Profile, View
from control_plane.scheduler.groups import is_local, pour
from control_plane.scheduler.nodes import Mask, Rows
from control_plane.scheduler.spread_groups import WORTH_IT, pour_spread, spreads_only


def decide(
    cluster: Cluster, pending: Sequence[PendingPod], profile: Profile, rotation: int = 0
) -> list[Decision]:
    """Decide about each pod, in order. Neighbours of one shape are placed as a group, with the outcome of one
    by one. `rotation` breaks ties: the search for the best node begins at that row."""
    decisions: list[Decision] = []
    for _, group in groupby(pending, key=lambda pod: id(pod.shape)):
        decisions += _decide_group(cluster, list(group), profile, rotation)
    return decisions


def _decide_group(
    cluster: Cluster, pods: Sequence[PendingPod], profile: Profile, rotation: int
) -> list[Decision]:
    decisions: list[Decision] = []
    shape = pods[0].shape
    while len(decisions) < len(pods):
        left = pods[len(decisions) :]
        view = look(cluster, shape)
        mask = feasible(view, profile)
        if not mask.any():
            decisions += _refuse(cluster, left, profile)
            break
        rows = _next_rows(view, profile, mask, len(left), rotation)
        keys = [(pod.key, pod.uid) for pod in left[: len(rows)]]
        placed = cluster.assume_many(shape, keys, rows)
        decisions += [Placed(pod, there.node) for pod, there in zip(left, placed, strict=False)]
    return decisions


def _next_rows(view: View, profile: Profile, mask: Mask, pods: int, rotation: int) -> Rows:
    """Where the next pods go, at least one: all that can be told at once, by the quickest way there is."""
    if pods > 1 and is_local(view, profile):
        return pour(view, profile, mask, pods, rotation)
    if pods >= WORTH_IT and spreads_only(view, profile):
        rows = pour_spread(view, profile, mask, pods, rotation)
        if rows is not None:
            return rows
    return np.array([choose(view, profile, mask, rotation)], np.intp)


def _refuse(cluster: Cluster, pods: Sequence[PendingPod], profile: Profile) -> list[Unschedulable]:
    """The same reason for each: they are alike and nothing is placed between them."""
    first = explain(cluster, pods[0], profile)
    return [first, *(replace(first, pod=pod) for pod in pods[1:])]
