"""The volume controller: binds claims to volumes, and says of each what has become of it.

Source: Kubernetes' persistent volume controller. A volume is taken first (its claimRef, by compare-and-set:
two claims never share one), then the claim is told; whatever is interrupted is taken up where it stopped.
Where a class waits for a consumer, the scheduler takes the volume, once it knows the node of the claim's pod.
Nothing makes volumes, and nothing deletes what they hold: a volume that is let go stays Released, or fails
where its policy asks for more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Failure, Record, Update, UpdateStatus, copy_of
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.times import timestamp
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from control_plane.volumes.matching import best, has_room, point_at, points_at, waits_for_consumer
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"


class Snapshot:
    """Of a claim or of a volume."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ClaimSnapshot(Snapshot):
    """A claim, its class, and the volumes that it may get."""

    claim: core.PersistentVolumeClaim
    storage_class: storage.StorageClass | None
    named: core.PersistentVolume | None  # the volume that it names
    volumes: tuple[core.PersistentVolume, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeSnapshot(Snapshot):
    """A volume and the claim that it is kept for."""

    volume: core.PersistentVolume
    claim: core.PersistentVolumeClaim | None


class VolumeController:
    """Decides about claims and volumes."""

    name = "volumes"
    primaries: Sequence[type[Message]] = (core.PersistentVolumeClaim, core.PersistentVolume)

    def __init__(self) -> None:
        self._waiting: dict[ObjectKey, str] = {}  # claims without a volume -> their class
        self.watches: Mapping[type[Message], KeysOf] = {
            core.PersistentVolumeClaim: self._of_claim,
            core.PersistentVolume: self._of_volume,
            storage.StorageClass: self._of_class,
        }

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> Snapshot | None:
        if key.kind == VOLUME:
            volume = objects.get(core.PersistentVolume, "", key.name)
            return None if volume is None else VolumeSnapshot(volume, _claim_of(objects, volume))
        claim = objects.get(core.PersistentVolumeClaim, key.namespace, key.name)
        if claim is None:
            return None
        found = objects.get(storage.StorageClass, "", claim.spec.storageClassName)
        if claim.spec.volumeName:
            return ClaimSnapshot(claim, found, objects.get(core.PersistentVolume, "", claim.spec.volumeName))
        volumes = objects.list(core.PersistentVolume)
        if waits_for_consumer(found):
            volumes = [volume for volume in volumes if points_at(volume, claim)]
        return ClaimSnapshot(claim, found, None, tuple(volumes))

    def decide(self, snapshot: Snapshot, now: float) -> tuple[Action, ...]:
        """What to write."""
        if isinstance(snapshot, VolumeSnapshot):
            return _of_volume(snapshot, now)
        assert isinstance(snapshot, ClaimSnapshot)
        if snapshot.claim.metadata.HasField("deletionTimestamp") and not snapshot.claim.spec.volumeName:
            return ()
        return _named(snapshot, now) if snapshot.claim.spec.volumeName else _unnamed(snapshot, now)

    def _of_claim(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        self._waiting.pop(change.key, None)
        keys = [change.key]
        for claim in (change.old, change.new):
            if isinstance(claim, core.PersistentVolumeClaim) and claim.spec.volumeName:
                keys.append(ObjectKey(VOLUME, "", claim.spec.volumeName))
        if isinstance(change.new, core.PersistentVolumeClaim) and not change.new.spec.volumeName:
            self._waiting[change.key] = change.new.spec.storageClassName
        return keys

    def _of_volume(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        """A volume that is free may be what a claim waits for."""
        keys = [change.key]
        for volume in (change.old, change.new):
            if isinstance(volume, core.PersistentVolume) and volume.spec.HasField("claimRef"):
                reference = volume.spec.claimRef
                keys.append(ObjectKey(CLAIM, reference.namespace, reference.name))
        if isinstance(change.new, core.PersistentVolume) and not change.new.spec.HasField("claimRef"):
            wanted = change.new.spec.storageClassName
            keys += [key for key, of_class in self._waiting.items() if of_class == wanted]
        return keys

    def _of_class(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        return [key for key, of_class in self._waiting.items() if of_class == change.key.name]


def _claim_of(objects: Objects, volume: core.PersistentVolume) -> core.PersistentVolumeClaim | None:
    if not volume.spec.HasField("claimRef"):
        return None
    reference = volume.spec.claimRef
    claim = objects.get(core.PersistentVolumeClaim, reference.namespace, reference.name)
    return claim if claim is not None and points_at(volume, claim) else None


def _unnamed(snapshot: ClaimSnapshot, now: float) -> tuple[Action, ...]:
    claim = snapshot.claim
    volume = best(claim, snapshot.volumes)
    if volume is not None:
        return _bind(claim, volume, now)
    if waits_for_consumer(snapshot.storage_class):
        message = "waiting for first consumer to be created before binding"
        return _pending(claim, "WaitForFirstConsumer", message)
    if claim.spec.storageClassName and snapshot.storage_class is None:
        message = f'storageclass.storage.k8s.io "{claim.spec.storageClassName}" not found'
        return _pending(claim, "ProvisioningFailed", message)
    return _pending(claim, "FailedBinding", "no persistent volumes available for this claim")


def _pending(claim: core.PersistentVolumeClaim, reason: str, message: str) -> tuple[Action, ...]:
    """Told with each decision; the recorder counts what is said again."""
    told = Record(claim, "Normal", reason, message)
    if claim.status.phase == "Pending":
        return (told,)
    changed = copy_of(claim)
    changed.status.phase = "Pending"
    return (UpdateStatus(changed), told)


def _bind(claim: core.PersistentVolumeClaim, volume: core.PersistentVolume, now: float) -> tuple[Action, ...]:
    """The steps that are still to be done, in their order."""
    actions: list[Action] = []
    volume = copy_of(volume)
    if volume.spec.claimRef.uid != claim.metadata.uid:
        if not volume.spec.HasField("claimRef"):
            volume.metadata.annotations[BOUND_BY_CONTROLLER] = "yes"
        point_at(volume, claim)
        actions.append(Update(volume))
    claim = copy_of(claim)
    annotations = claim.metadata.annotations
    if claim.spec.volumeName != volume.metadata.name or BIND_COMPLETED not in annotations:
        if not claim.spec.volumeName:
            claim.spec.volumeName = volume.metadata.name
            annotations[BOUND_BY_CONTROLLER] = "yes"
        annotations[BIND_COMPLETED] = "yes"
        actions.append(Update(claim))
    if volume.status.phase != "Bound":
        volume = copy_of(volume)
        _set_phase(volume.status, "Bound", now)
        actions.append(UpdateStatus(volume))
    status = core.PersistentVolumeClaimStatus()
    status.CopyFrom(claim.status)
    status.phase = "Bound"
    status.accessModes[:] = volume.spec.accessModes
    status.capacity.clear()
    for name, amount in volume.spec.capacity.items():
        status.capacity[name].CopyFrom(amount)
    if status != claim.status:
        claim = copy_of(claim)
        claim.status.CopyFrom(status)
        actions.append(UpdateStatus(claim))
    return tuple(actions)


def _named(snapshot: ClaimSnapshot, now: float) -> tuple[Action, ...]:
    claim, volume = snapshot.claim, snapshot.named
    completed = BIND_COMPLETED in claim.metadata.annotations
    if volume is None:
        if completed:
            return _lost(
                claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            )
        return _pending(claim, "FailedBinding", f'volume "{claim.spec.volumeName}" not found')
    if points_at(volume, claim):
        return _bind(claim, volume, now)
    if volume.spec.HasField("claimRef"):
        if completed:
            return _lost(
                claim,
                "ClaimMisbound",
                "Two claims are bound to the same volume, this one is bound incorrectly",
            )
        message = f'volume "{volume.metadata.name}" already bound to a different claim.'
        return _pending(claim, "FailedBinding", message)
    if not has_room(claim, volume):
        return _pending(
            claim,
            "VolumeMismatch",
            f'Cannot bind to requested volume "{volume.metadata.name}": requested PV is too small',
        )
    return _bind(claim, volume, now)


def _lost(claim: core.PersistentVolumeClaim, reason: str, message: str) -> tuple[Action, ...]:
    if claim.status.phase == "Lost":
        return ()
    changed = copy_of(claim)
    changed.status.phase = "Lost"
    changed.status.capacity.clear()
    return (UpdateStatus(changed), Record(claim, "Warning", reason, message))


def _of_volume(snapshot: VolumeSnapshot, now: float) -> tuple[Action, ...]:
    volume, claim = snapshot.volume, snapshot.claim
    if not volume.spec.HasField("claimRef"):
        return _phase(volume, "Available", now)
    if claim is not None:
        if claim.spec.volumeName == volume.metadata.name:
            return _phase(volume, "Bound", now)
        return _phase(volume, "Available", now) if not volume.spec.claimRef.uid else ()
    if not volume.spec.claimRef.uid:
        return _phase(volume, "Available", now)  # kept for a claim that is still to come
    policy = volume.spec.persistentVolumeReclaimPolicy
    if policy == "Retain":
        return _phase(volume, "Released", now)
    message = (
        f"nothing here can {policy.lower()} what the volume holds: do it, and delete the PersistentVolume"
    )
    failed = _phase(volume, "Failed", now, f"VolumeFailed{policy}", message)
    return (*failed, Record(volume, "Warning", f"VolumeFailed{policy}", message)) if failed else ()


def _phase(
    volume: core.PersistentVolume, phase: str, now: float, reason: str = "", message: str = ""
) -> tuple[Action, ...]:
    if (volume.status.phase, volume.status.message) == (phase, message):
        return ()
    changed = copy_of(volume)
    _set_phase(changed.status, phase, now, reason, message)
    return (UpdateStatus(changed),)


def _set_phase(
    status: core.PersistentVolumeStatus, phase: str, now: float, reason: str = "", message: str = ""
) -> None:
    if status.phase != phase:
        status.lastPhaseTransitionTime.CopyFrom(timestamp(now))
    status.phase, status.reason, status.message = phase, reason, message
