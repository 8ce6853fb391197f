"""Single changes of a pod or a cluster, and what would come of them. Pure.

A change is a value: the changed pod, the changed node, the pod that goes. Trying one puts the cluster back as
it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod
from control_plane.scheduler.evaluate import choose, explain, feasible, look
from control_plane.scheduler.framework import Profile, View
from control_plane.scheduler.nodes import Mask, NodeFacts
from control_plane.scheduler.preemption import Budget, preempt
from control_plane.scheduler.shaping import compile_shape
from knarr.proto.kubernetes import core_v1_pb2 as core


@dataclass(frozen=True, slots=True)
class EditPod:
    """Another spec of the pod."""

    pod: core.Pod


@dataclass(frozen=True, slots=True)
class RaisePriority:
    """Another spec of the pod, with which it may preempt others."""

    pod: core.Pod


@dataclass(frozen=True, slots=True)
class PutNode:
    """A node that is new, or as it would be."""

    node: NodeFacts


@dataclass(frozen=True, slots=True)
class RemovePod:
    """A running pod goes."""

    key: str


@dataclass(frozen=True, slots=True)
class PutVolume:
    """A volume that is new."""

    volume: core.PersistentVolume


Change = EditPod | RaisePriority | PutNode | RemovePod | PutVolume


class Trial:
    """A pod before a cluster, on which changes are tried."""

    def __init__(
        self, cluster: Cluster, pod: core.Pod, profile: Profile, budgets: Sequence[Budget] = ()
    ) -> None:
        self.cluster, self.pod, self.profile, self.budgets = cluster, pod, profile, budgets
        self.view = look(cluster, compile_shape(pod))

    def outcome(self, change: Change) -> str:
        """The node that the pod would get after the change; "" for none."""
        match change:
            case EditPod(pod):
                return self._best(look(self.cluster, compile_shape(pod)))
            case RaisePriority(pod):
                return self._by_preemption(pod)
            case PutNode(facts):
                return self._with_node(facts)
            case RemovePod(key):
                return self._without(key)
            case PutVolume(volume):
                return self._with_volume(volume)

    def mask(self, pod: core.Pod) -> Mask:
        """The rows on which another spec of the pod may run."""
        return feasible(look(self.cluster, compile_shape(pod)), self.profile)

    def _best(self, view: View) -> str:
        mask = feasible(view, self.profile)
        return view.nodes.names[choose(view, self.profile, mask, 0)] if mask.any() else ""

    def _by_preemption(self, pod: core.Pod) -> str:
        shape = compile_shape(pod)
        waiting = PendingPod(f"{pod.metadata.namespace}/{pod.metadata.name}", pod.metadata.uid, shape)
        refusal = explain(self.cluster, waiting, self.profile)
        found = preempt(self.cluster, refusal, self.profile, self.budgets)
        return found.node if found else ""

    def _with_node(self, facts: NodeFacts) -> str:
        known = self.cluster.nodes.rows.get(facts.name)
        before = None if known is None else self.cluster.nodes.facts[known]
        row = self.cluster.put_node(facts)
        try:
            fits = feasible(look(self.cluster, self.view.shape), self.profile)[row]
        finally:
            if before is None:
                self.cluster.remove_node(facts.name)
            else:
                self.cluster.put_node(before)
        return facts.name if fits else ""

    def _with_volume(self, volume: core.PersistentVolume) -> str:
        storage, name = self.cluster.storage, volume.metadata.name
        storage.put_volume(name, volume)
        try:
            return self._best(look(self.cluster, self.view.shape))
        finally:
            storage.put_volume(name, None)

    def _without(self, key: str) -> str:
        gone = self.cluster.remove_pod(key)
        if gone is None:
            return ""
        try:
            return self._best(look(self.cluster, self.view.shape))
        finally:
            self.cluster.put_pod(gone)


def edited(pod: core.Pod) -> core.Pod:
    """A copy to be changed."""
    copy = core.Pod()
    copy.CopyFrom(pod)
    return copy


def like(facts: NodeFacts, name: str, hostname_key: str) -> NodeFacts:
    """A new, empty and healthy node with the labels and amounts of another."""
    labels = dict(facts.labels)
    if hostname_key in labels:
        labels[hostname_key] = name
    taints = tuple(taint for taint in facts.taints if not taint.key.startswith("node.kubernetes.io/"))
    return replace(facts, name=name, labels=labels, taints=taints, unschedulable=False, images={})


def only_rows(mask: Mask) -> list[int]:
    """The rows of a mask."""
    return np.flatnonzero(mask).tolist()
