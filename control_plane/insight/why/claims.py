"""What is the matter with a PersistentVolumeClaim: which volumes there are, and what each lacks for it. Pure.

It judges volumes as the controller does that binds them (control_plane/volumes/matching.py).
"""

from collections.abc import Iterator, Sequence

from control_plane.insight.why.answers import blank
from control_plane.insight.why.sentences import listed
from control_plane.insight.why.workloads import worst_of
from control_plane.volumes.matching import STORAGE, capacity, fits, has_room, points_at, waits_for_consumer
from control_plane.volumes.taking import HELD_S, is_taken
from knarr.api.kinds import PERSISTENT_VOLUME_CLAIM
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from knarr.proto.services import insight_service_pb2 as wire

_MOST_VOLUMES = 5


def claim(
    obj: core.PersistentVolumeClaim,
    storage_class: storage.StorageClass | None,
    volumes: Sequence[core.PersistentVolume],
    pods: Sequence[core.Pod],
) -> tuple[wire.WhyResponse, core.Pod | None]:
    """A claim: has it a volume, and if not, what does it wait for? `storage_class`: the one that it names;
    `pods`: those that use it. Returns also the pod that is to be asked about, where the claim waits for
    it."""
    answer = blank(PERSISTENT_VOLUME_CLAIM, obj)
    if obj.metadata.HasField("deletionTimestamp"):
        answer.verdict = wire.TERMINATING
        users = listed([pod.metadata.name for pod in pods]) or "whoever set finalizers on it"
        answer.summary = f"it was deleted, and waits for {users}"
        return answer, None
    if obj.status.phase == "Bound":
        answer.verdict, answer.summary = wire.WELL, f"it is bound to the volume {obj.spec.volumeName}"
        return answer, None
    answer.verdict = wire.STUCK
    if obj.status.phase == "Lost":
        answer.summary = f"its volume {obj.spec.volumeName} is gone, or is another claim's"
        return answer, None
    if obj.spec.volumeName:
        answer.summary = _named(obj, volumes)
    elif obj.spec.storageClassName and storage_class is None:
        answer.summary = f"its storage class {obj.spec.storageClassName} does not exist"
        answer.remedies.append(f"create the StorageClass {obj.spec.storageClassName}, or name another")
    elif any(points_at(one, obj) or _is_free(one, obj) for one in volumes):
        return answer, _fitting(obj, storage_class, volumes, pods, answer)
    else:
        answer.summary = "no free volume has what it asks for"
        answer.details.extend(_lacking(obj, volumes))
        answer.remedies.append(_make(obj))
    return answer, None


def _named(obj: core.PersistentVolumeClaim, volumes: Sequence[core.PersistentVolume]) -> str:
    found = next((one for one in volumes if one.metadata.name == obj.spec.volumeName), None)
    if found is None:
        return f"it names the volume {obj.spec.volumeName}, which does not exist"
    return f"the volume {obj.spec.volumeName}, which it names, {_lack(obj, found) or 'is about to be bound'}"


def _fitting(
    obj: core.PersistentVolumeClaim,
    storage_class: storage.StorageClass | None,
    volumes: Sequence[core.PersistentVolume],
    pods: Sequence[core.Pod],
    answer: wire.WhyResponse,
) -> core.Pod | None:
    """There are volumes that would do. Returns the pod for which the claim waits."""
    names = [one.metadata.name for one in volumes if points_at(one, obj) or _is_free(one, obj)]
    would = f"{listed(names)} would do"
    places = sorted({pod.spec.nodeName for pod in pods if pod.spec.nodeName})
    if not waits_for_consumer(storage_class):
        answer.verdict, answer.summary = wire.PROGRESSING, f"it is about to be bound: {would}"
    elif not pods:
        answer.verdict = wire.IDLE
        answer.summary = "it gets a volume when a pod that uses it gets a node, and no pod does"
        answer.details.append(would)
    elif places:
        answer.summary = f"its pods are on {listed(places)}, which must reach one of the free volumes"
        answer.details.append(f"but for that {would}")
        answer.remedies.append(f"{_make(obj)}, on {listed(places)}; or let the scheduler choose the node")
    else:
        answer.summary = "it gets a volume when a pod that uses it gets a node"
        answer.details.append(would)
        return worst_of(pods)
    return None


def _is_free(volume: core.PersistentVolume, obj: core.PersistentVolumeClaim) -> bool:
    return not volume.spec.HasField("claimRef") and fits(obj, volume)


def _lacking(obj: core.PersistentVolumeClaim, volumes: Sequence[core.PersistentVolume]) -> Iterator[str]:
    """What each volume lacks; those of the claim's class first, the largest first."""
    ranked = sorted(
        volumes,
        key=lambda one: (one.spec.storageClassName != obj.spec.storageClassName, -capacity(one)),
    )
    for one in ranked[:_MOST_VOLUMES]:
        yield f"volume {one.metadata.name} {_lack(obj, one)}"
    if len(ranked) > _MOST_VOLUMES:
        yield f"and {len(ranked) - _MOST_VOLUMES} volumes more"
    if not ranked:
        yield "there are no volumes at all, and nothing here makes any"


def _lack(obj: core.PersistentVolumeClaim, volume: core.PersistentVolume) -> str:
    """The first thing for which the claim cannot have the volume; "" for none."""
    spec, wanted, reference = volume.spec, obj.spec, volume.spec.claimRef
    modes = set(wanted.accessModes) - set(spec.accessModes)
    if volume.metadata.HasField("deletionTimestamp"):
        return "is being deleted"
    if volume.spec.HasField("claimRef") and not points_at(volume, obj):
        holder = f"{reference.namespace}/{reference.name}"
        if volume.status.phase == "Released":
            return f"is Released by the claim {holder}: look after what it holds, then remove spec.claimRef"
        if is_taken(volume):
            return f"is held for the claim {holder} until its pod has a node, {HELD_S:g} s at most"
        return f"is kept for the claim {holder}"
    if spec.storageClassName != wanted.storageClassName:
        return f"is of {_class(spec.storageClassName)}, not of {_class(wanted.storageClassName)}"
    if not has_room(obj, volume):
        has, asked = spec.capacity[STORAGE].string, wanted.resources.requests[STORAGE].string
        return f"has {has}, less than the {asked} that it asks for"
    if modes:
        return f"lacks the access mode {listed(sorted(modes))}"
    if (spec.volumeMode or "Filesystem") != (wanted.volumeMode or "Filesystem"):
        return f"has the volumeMode {spec.volumeMode or 'Filesystem'}"
    return "" if fits(obj, volume) else "has not the labels that it selects"


def _class(name: str) -> str:
    return f"class {name}" if name else "no class"


def _make(obj: core.PersistentVolumeClaim) -> str:
    return f"create a PersistentVolume with {_asked(obj)}"


def _asked(obj: core.PersistentVolumeClaim) -> str:
    size = obj.spec.resources.requests[STORAGE].string if STORAGE in obj.spec.resources.requests else "0"
    return f"{size}, of {_class(obj.spec.storageClassName)}, with {listed(list(obj.spec.accessModes))}"
