"""The pod collector: removes pods bound to nodes that no longer exist. Nobody is left to stop them properly.

Source: Kubernetes' pod garbage collector. The key is the node's name. A node that registers again within the
quarantine keeps its pods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Delete, Failure, Instance, RequeueAfter, key_of
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import DeleteOptions, ObjectChange, ObjectKey, Objects
from knarr.clock import Clock
from knarr.proto.kubernetes import core_v1_pb2 as core

BURST = 500  # pods deleted by one decision
QUARANTINE_S = 10.0  # a node must be missing this long; an agent registers again within a second or two


@dataclass(frozen=True, slots=True)
class LostNodeSnapshot:
    """A node that is missing and the pods that are bound to it."""

    node: ObjectKey
    missing_s: float
    pods: tuple[core.Pod, ...]


class PodCollector:
    """Removes pods of lost nodes."""

    name = "pod-collector"
    primaries: Sequence[type[Message]] = ()  # every node with a pod is a key when its pod is seen

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: set[str] = set()
        self._missing_since: dict[str, float] = {}
        self.watches: Mapping[type[Message], KeysOf] = {core.Node: self._of_node, core.Pod: self._of_pod}

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> LostNodeSnapshot | None:
        pods = objects.list(core.Pod, node_name=key.name)
        if not pods or objects.get(core.Node, "", key.name) is not None:
            self._missing_since.pop(key.name, None)
            return None
        now = self._clock.monotonic()
        since = self._missing_since.setdefault(key.name, now)
        return LostNodeSnapshot(key, now - since, tuple(pods))

    def decide(self, snapshot: LostNodeSnapshot, now: float) -> tuple[Action, ...]:
        """Wait, then delete without grace."""
        if snapshot.missing_s < QUARANTINE_S:
            return (RequeueAfter(QUARANTINE_S - snapshot.missing_s),)
        lost = [pod for pod in snapshot.pods if not _is_held(pod)]
        deletions = tuple(
            Delete(
                key_of(pod),
                DeleteOptions(grace_period_s=0, uid=pod.metadata.uid),
                unless=(Instance(snapshot.node),),
            )
            for pod in lost[:BURST]
        )
        return deletions if len(lost) <= BURST else (*deletions, RequeueAfter(0.0))

    def _of_node(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        name = change.key.name
        if change.new is not None:
            self._nodes.add(name)
            self._missing_since.pop(name, None)
            return ()
        self._nodes.discard(name)
        return (change.key,)

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        if not isinstance(change.new, core.Pod):
            return ()
        name = change.new.spec.nodeName
        return (ObjectKey("Node", "", name),) if name and name not in self._nodes else ()


def _is_held(pod: core.Pod) -> bool:
    """Deleted without grace already: only finalizers keep it, and they are others' business."""
    return pod.metadata.HasField("deletionTimestamp") and pod.metadata.deletionGracePeriodSeconds == 0
