"""The expiry controller: deletes what only piles up: events that are old, finished pods that are too many.

Its keys are the two kinds; it remembers of each such object only what it is judged by.
Source: kube-apiserver's event-ttl and the pod garbage collector's terminated-pod threshold.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Delete, Failure, RequeueAfter
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import DeleteOptions, ObjectChange, ObjectKey, Objects
from knarr.api.pods import is_finished
from knarr.api.timestamps import seconds
from knarr.proto.kubernetes import core_v1_pb2 as core

EVENTS = ObjectKey("Event", "", "")
FINISHED_PODS = ObjectKey("Pod", "", "")


@dataclass(frozen=True, slots=True)
class ExpirySettings:
    """How much is kept."""

    event_ttl_s: float = 3600.0  # as Kubernetes
    finished_pods: int = 12_500  # as Kubernetes
    burst: int = 500  # deletions of one decision
    pause_s: float = 10.0  # events that end within it are deleted together


@dataclass(frozen=True, slots=True)
class Aged:
    """An object and when it was last of interest, in seconds since 1970."""

    key: ObjectKey
    uid: str
    at: float


@dataclass(frozen=True, slots=True)
class ExpirySnapshot:
    """The oldest objects of a kind."""

    oldest: tuple[Aged, ...]  # oldest first, `burst` + 1 of them at the most
    count: int  # of all


class ExpiryController:
    """Deletes what is old or too much."""

    name = "expiry"
    primaries: Sequence[type[Message]] = ()  # each change of what it looks at names its key

    def __init__(self, settings: ExpirySettings | None = None) -> None:
        self._settings = settings or ExpirySettings()
        self._kept: dict[ObjectKey, dict[ObjectKey, Aged]] = {EVENTS: {}, FINISHED_PODS: {}}
        self.watches: Mapping[type[Message], KeysOf] = {core.Event: self._of_event, core.Pod: self._of_pod}

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> ExpirySnapshot | None:
        kept = self._kept[key]
        if key == FINISHED_PODS and len(kept) <= self._settings.finished_pods:
            return None
        oldest = heapq.nsmallest(self._settings.burst + 1, kept.values(), key=lambda one: (one.at, one.key))
        return ExpirySnapshot(tuple(oldest), len(kept))

    def decide(self, snapshot: ExpirySnapshot, now: float) -> tuple[Action, ...]:
        """Delete a batch, and come back when the next is due."""
        settings = self._settings
        if snapshot.oldest and snapshot.oldest[0].key.kind == "Pod":
            surplus = snapshot.count - settings.finished_pods
            return tuple(_delete(one) for one in snapshot.oldest[: max(0, min(surplus, settings.burst))])
        due = [one for one in snapshot.oldest if one.at + settings.event_ttl_s <= now]
        actions: list[Action] = [_delete(one) for one in due[: settings.burst]]
        if len(due) > settings.burst:
            actions.append(RequeueAfter(0.0))
        elif len(due) < len(snapshot.oldest):
            next_s = snapshot.oldest[len(due)].at + settings.event_ttl_s - now
            actions.append(RequeueAfter(next_s + settings.pause_s))
        return tuple(actions)

    def _of_event(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        """Only the first event sets a timer; from then on there is always one, until none is left."""
        kept, event = self._kept[EVENTS], change.new
        if not isinstance(event, core.Event):
            kept.pop(change.key, None)
            return ()
        times = (event.lastTimestamp, event.series.lastObservedTime, event.metadata.creationTimestamp)
        at = max(event.eventTime.seconds, *(time.seconds for time in times))
        is_first = not kept
        kept[change.key] = Aged(change.key, event.metadata.uid, float(at))
        return (EVENTS,) if is_first else ()

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        kept, pod = self._kept[FINISHED_PODS], change.new
        if (
            not isinstance(pod, core.Pod)
            or not is_finished(pod)
            or pod.metadata.HasField("deletionTimestamp")
        ):
            kept.pop(change.key, None)
            return ()
        at = seconds(pod.metadata.creationTimestamp)
        kept[change.key] = Aged(change.key, pod.metadata.uid, at)
        return (FINISHED_PODS,) if len(kept) > self._settings.finished_pods else ()


def _delete(one: Aged) -> Delete:
    return Delete(one.key, DeleteOptions(uid=one.uid))
