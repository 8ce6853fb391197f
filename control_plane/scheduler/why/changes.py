"""Single changes of a pod or a cluster, and what would come of them. Pure.

A change is a value: the changed pod, the changed node, the pod that goes. Trying one puts the cluster back as
it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption
from control_plane.scheduler.evaluate import choose, explain, feasible, look
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.gangs.attempt import ProfileOf, decide_gang
from control_plane.scheduler.nodes import Mask, NodeFacts
from control_plane.scheduler.preemption import Budget, preempt
from control_plane.scheduler.shape import Shape
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


@dataclass(frozen=True, slots=True)
class Companions:
    """Pods that wait too, and get nodes together with the pod or not at all. `alike`: those that are made
    like it, so that a change of its spec is one of theirs. `needs`: how many of all, the pod among them."""

    gang: str
    alike: tuple[PendingPod, ...]
    others: tuple[PendingPod, ...]
    needs: int
    profile_of: ProfileOf


class Trial:
    """A pod before a cluster, on which changes are tried. With companions a change works when it lets all of
    them have nodes, if need be at the cost of less important pods."""

    def __init__(
        self,
        cluster: Cluster,
        pod: core.Pod,
        profile: Profile,
        budgets: Sequence[Budget] = (),
        companions: Companions | None = None,
    ) -> None:
        self.cluster, self.pod, self.profile, self.budgets = cluster, pod, profile, budgets
        self.companions = companions
        self.view = look(cluster, compile_shape(pod))

    def outcome(self, change: Change) -> str:
        """The node that the pod would get after the change; "" for none."""
        match change:
            case EditPod(pod):
                return self._best(compile_shape(pod))
            case RaisePriority(pod):
                return self._by_preemption(compile_shape(pod))
            case PutNode(facts):
                return self._with_node(facts)
            case RemovePod(key):
                return self._without(key)
            case PutVolume(volume):
                return self._with_volume(volume)

    def mask(self, pod: core.Pod) -> Mask:
        """The rows on which another spec of the pod may run."""
        return feasible(look(self.cluster, compile_shape(pod)), self.profile)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """The cluster without companions that were thought to have places."""
        known = self.companions
        pods = () if known is None else (*known.alike, *known.others)
        away = [there for pod in pods if (there := self.cluster.remove_pod(pod.key))]
        try:
            yield
        finally:
            for there in away:
                self.cluster.put_pod(there)

    def _best(self, shape: Shape) -> str:
        if self.companions is not None:
            return self._together(shape, self.companions)
        view = look(self.cluster, shape)
        mask = feasible(view, self.profile)
        return view.nodes.names[choose(view, self.profile, mask, 0)] if mask.any() else ""

    def _by_preemption(self, shape: Shape) -> str:
        if self.companions is not None:
            return self._together(shape, self.companions)
        refusal = explain(self.cluster, self._pending(shape), self.profile)
        found = preempt(self.cluster, refusal, self.profile, self.budgets)
        return found.node if found else ""

    def _together(self, shape: Shape, known: Companions) -> str:
        """The pod's node when its whole gang is decided about, by the scheduler's own function."""
        pod = self._pending(shape)
        pods = [pod, *(replace(other, shape=shape) for other in known.alike), *known.others]
        with self.apart():
            outcome = decide_gang(
                self.cluster, known.gang, pods, known.needs, known.profile_of, budgets=self.budgets
            )
            made: list[Placed | Preemption] = [*outcome.placed, *outcome.preemptions]
            for other in pods:
                self.cluster.undo(other.key, other.uid)
        return next((decision.node for decision in made if decision.pod.key == pod.key), "")

    def _pending(self, shape: Shape) -> PendingPod:
        own = self.pod.metadata
        return PendingPod(f"{own.namespace}/{own.name}", own.uid, shape)

    def _with_node(self, facts: NodeFacts) -> str:
        known = self.cluster.nodes.rows.get(facts.name)
        before = None if known is None else self.cluster.nodes.facts[known]
        row = self.cluster.put_node(facts)
        try:
            taken_by = self._on_new_row(row, facts.name)
        finally:
            if before is None:
                self.cluster.remove_node(facts.name)
            else:
                self.cluster.put_node(before)
        return taken_by

    def _on_new_row(self, row: int, name: str) -> str:
        if self.companions is not None:
            return self._together(self.view.shape, self.companions)
        return name if feasible(look(self.cluster, self.view.shape), self.profile)[row] else ""

    def _with_volume(self, volume: core.PersistentVolume) -> str:
        storage, name = self.cluster.storage, volume.metadata.name
        storage.put_volume(name, volume)
        try:
            return self._best(self.view.shape)
        finally:
            storage.put_volume(name, None)

    def _without(self, key: str) -> str:
        gone = self.cluster.remove_pod(key)
        if gone is None:
            return ""
        try:
            return self._best(self.view.shape)
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
