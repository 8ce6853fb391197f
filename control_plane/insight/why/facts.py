"""What an answer is made from: the object, and what stands beside it in the cache. Only reads."""

from dataclasses import dataclass

from control_plane.objects.interface import Objects
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

_MOST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class PodFacts:
    """A pod, its node (None: there is none of that name) and the events about it, the newest first."""

    pod: core.Pod
    node: core.Node | None
    events: tuple[core.Event, ...]
    now: float


def pod_facts(objects: Objects, pod: core.Pod, now: float) -> PodFacts:
    """All that is known of a pod."""
    node = objects.get(core.Node, "", pod.spec.nodeName) if pod.spec.nodeName else None
    own = pod.metadata
    return PodFacts(pod, node, events_of(objects, own.namespace, own.name, own.uid), now)


def events_of(objects: Objects, namespace: str, name: str, uid: str) -> tuple[core.Event, ...]:
    """The events about an object, the newest first. They bear its name, so that only they are read."""
    found: list[core.Event] = []
    for key in objects.keys(core.Event):
        if key.namespace == (namespace or "default") and key.name.startswith(f"{name}."):
            event = objects.get(core.Event, key.namespace, key.name)
            if event is not None and event.involvedObject.uid == uid:
                found.append(event)
    found.sort(key=last_seen, reverse=True)
    return tuple(found[:_MOST_EVENTS])


def last_seen(event: core.Event) -> int:
    """Seconds since 1970."""
    if event.series.lastObservedTime.seconds:
        return event.series.lastObservedTime.seconds
    return event.lastTimestamp.seconds or event.eventTime.seconds or event.metadata.creationTimestamp.seconds


def priority_classes(objects: Objects) -> dict[str, int]:
    """name -> value, of those that let their pods preempt others."""
    return {
        found.metadata.name: found.value
        for found in objects.list(scheduling.PriorityClass)
        if found.preemptionPolicy != "Never"
    }
