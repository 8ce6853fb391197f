"""The taint eviction controller: deletes pods from nodes whose NoExecute taints they do not tolerate, each at
its time. It knows nothing of why a node is tainted (liveness.py, people and others taint).

Source: Kubernetes' taint eviction controller. The key is a node; its pods are decided about together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Failure, Record, RequeueAfter, delete
from control_plane.controllers.liveness import NO_EXECUTE, NOT_READY, UNREACHABLE
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.pods import is_active
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api.timestamps import seconds
from knarr.proto.kubernetes import core_v1_pb2 as core

BURST = 500  # pods deleted by one decision
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class EvictionSnapshot:
    """A node's NoExecute taints and its pods."""

    node: core.Node
    pods: tuple[core.Pod, ...]
    quiet_s: float = 0.0  # for this long nobody is evicted for a node that is not ready or not reachable


class EvictionController:
    """Evicts. `quiet_s()` tells how long the first interval after a start still lasts."""

    name = "taint-eviction"
    primaries: Sequence[type[Message]] = (core.Node,)

    def __init__(self, quiet_s: Callable[[], float]) -> None:
        self._quiet_s = quiet_s
        self._tainted: set[str] = set()
        self.watches: Mapping[type[Message], KeysOf] = {core.Node: self._of_node, core.Pod: self._of_pod}

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> EvictionSnapshot | None:
        node = objects.get(core.Node, "", key.name)
        if node is None or not _evicting(node):
            return None
        return EvictionSnapshot(node, tuple(objects.list(core.Pod, node_name=key.name)), self._quiet_s())

    def decide(self, snapshot: EvictionSnapshot, now: float) -> tuple[Action, ...]:
        """Delete the pods whose time has come, and come back for the next."""
        taints = _evicting(snapshot.node)
        actions: list[Action] = []
        next_s = NEVER
        if snapshot.quiet_s > 0:
            kept = [taint for taint in taints if taint.key not in (NOT_READY, UNREACHABLE)]
            next_s = snapshot.quiet_s if len(kept) < len(taints) else NEVER
            taints = kept
        for pod in snapshot.pods:
            if not is_active(pod):
                continue
            due_s = evicted_at(pod, taints, now) - now
            if due_s > 0:
                next_s = min(next_s, due_s)
            elif len(actions) < BURST:
                actions.append(delete(pod, _event(pod, snapshot.node)))
            else:
                next_s = 0.0
        return tuple(actions) if next_s == NEVER else (*actions, RequeueAfter(next_s))

    def _of_node(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        name = change.key.name
        if isinstance(change.new, core.Node) and _evicting(change.new):
            self._tainted.add(name)
            return (change.key,)
        self._tainted.discard(name)
        return ()

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        """Pods come to a tainted node when they tolerate it for a while."""
        if not self._tainted or not isinstance(change.new, core.Pod):
            return ()
        name = change.new.spec.nodeName
        return (ObjectKey("Node", "", name),) if name in self._tainted else ()


def _evicting(node: core.Node) -> list[core.Taint]:
    return [taint for taint in node.spec.taints if taint.effect == NO_EXECUTE]


def _event(pod: core.Pod, node: core.Node) -> Record:
    keys = ", ".join(sorted({taint.key for taint in _evicting(node)}))
    text = f"Deleting pod {pod.metadata.namespace}/{pod.metadata.name}: node {node.metadata.name} has {keys}"
    return Record(pod, "Normal", "TaintManagerEviction", text)


def evicted_at(pod: core.Pod, taints: Sequence[core.Taint], now: float) -> float:
    """When the pod is to be deleted, in seconds since 1970: `now` when it does not tolerate some taint, else
    at the end of its shortest tolerationSeconds, else never. They count from the taint, or from when the pod
    came to the node if that was later."""
    came = _came_at(pod)
    due = NEVER
    for taint in taints:
        matching = [one for one in pod.spec.tolerations if tolerates(one, taint)]
        if not matching:
            return now
        limited = [max(0, one.tolerationSeconds) for one in matching if one.HasField("tolerationSeconds")]
        if limited:
            since = max(seconds(taint.timeAdded), came) if taint.HasField("timeAdded") else now
            due = min(due, since + min(limited))
    return due


def tolerates(toleration: core.Toleration, taint: core.Taint) -> bool:
    """Whether a toleration is for this taint (kubernetes.io, taint-and-toleration). One without a key is for
    all keys, one without an effect for all effects."""
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in ("", "Equal") and bool(toleration.key) and toleration.value == taint.value


def _came_at(pod: core.Pod) -> float:
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "True":
            return seconds(condition.lastTransitionTime)
    return seconds(pod.metadata.creationTimestamp)
