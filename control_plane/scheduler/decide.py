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
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.groups import is_local, pour


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
        if len(left) > 1 and is_local(view, profile):
            rows = pour(view, profile, mask, len(left), rotation)
        else:
            rows = np.array([choose(view, profile, mask, rotation)], np.intp)
        keys = [(pod.key, pod.uid) for pod in left[: len(rows)]]
        placed = cluster.assume_many(shape, keys, rows)
        decisions += [Placed(pod, there.node) for pod, there in zip(left, placed, strict=False)]
    return decisions


def _refuse(cluster: Cluster, pods: Sequence[PendingPod], profile: Profile) -> list[Unschedulable]:
    """The same reason for each: they are alike and nothing is placed between them."""
    first = explain(cluster, pods[0], profile)
    return [first, *(replace(first, pod=pod) for pod in pods[1:])]
