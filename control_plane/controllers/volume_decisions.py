"""What is to be written of a claim or a volume, from all that it hangs on. Pure; the controller of
control_plane/controllers/volumes.py carries it out.
"""

from dataclasses import dataclass

from control_plane.controllers.actions import Action, Record, RequeueAfter, Update, UpdateStatus, copy_of
from control_plane.controllers.consumers import Consumer
from control_plane.volumes.consumption import for_consumers
from control_plane.volumes.matching import best, has_room, points_at, waits_for_consumer
from control_plane.volumes.reach import reaches
from control_plane.volumes.taking import held_for_s, is_taken, let_go, settled
from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"


class Snapshot:
    """Of a claim or of a volume."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ClaimSnapshot(Snapshot):
    """A claim, its class, the volumes that it may get, and its pods that have a node."""

    claim: core.PersistentVolumeClaim
    storage_class: storage.StorageClass | None
    named: core.PersistentVolume | None  # the volume that it names
    volumes: tuple[core.PersistentVolume, ...] = ()
    consumers: tuple[Consumer, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeSnapshot(Snapshot):
    """A volume, the claim that it is kept for, and that one's pods that have a node."""

    volume: core.PersistentVolume
    claim: core.PersistentVolumeClaim | None
    consumers: tuple[Consumer, ...] = ()


def decide(snapshot: Snapshot, now: float) -> tuple[Action, ...]:
    """What to write. `now` is seconds since 1970."""
    if isinstance(snapshot, VolumeSnapshot):
        return _of_taken(snapshot, now) if is_taken(snapshot.volume) else _of_volume(snapshot, now)
    assert isinstance(snapshot, ClaimSnapshot)
    if snapshot.claim.metadata.HasField("deletionTimestamp") and not snapshot.claim.spec.volumeName:
        return ()
    return _named(snapshot, now) if snapshot.claim.spec.volumeName else _unnamed(snapshot, now)


def _unnamed(snapshot: ClaimSnapshot, now: float) -> tuple[Action, ...]:
    claim, waits = snapshot.claim, waits_for_consumer(snapshot.storage_class)
    nodes = [consumer.node for consumer in snapshot.consumers]
    volume = for_consumers(claim, snapshot.volumes, nodes) if waits else best(claim, snapshot.volumes)
    if volume is not None:
        return _bind(claim, volume, now)
    if waits and snapshot.consumers:
        places = ", ".join(f"node {each.node.metadata.name} (pod {each.pod})" for each in snapshot.consumers)
        return _pending(claim, "FailedBinding", f"no free volume that fits is reached from {places}")
    if waits:
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
    """The steps that are still to be done: those of the volume first, and never two Updates beside each
    other, which would be carried out at once."""
    actions: list[Action] = []
    if volume.spec.claimRef.uid != claim.metadata.uid or is_taken(volume):
        ours = is_taken(volume) or not volume.spec.HasField("claimRef")
        volume = settled(volume, claim)
        if ours:
            volume.metadata.annotations[BOUND_BY_CONTROLLER] = "yes"
        actions.append(Update(volume))
    if volume.status.phase != "Bound":
        volume = copy_of(volume)
        _set_phase(volume.status, "Bound", now)
        actions.append(UpdateStatus(volume))
    claim = copy_of(claim)
    annotations = claim.metadata.annotations
    if claim.spec.volumeName != volume.metadata.name or BIND_COMPLETED not in annotations:
        if not claim.spec.volumeName:
            claim.spec.volumeName = volume.metadata.name
            annotations[BOUND_BY_CONTROLLER] = "yes"
        annotations[BIND_COMPLETED] = "yes"
        actions.append(Update(claim))
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


def _of_taken(snapshot: VolumeSnapshot, now: float) -> tuple[Action, ...]:
    """Settled by its claim's own decision; let go when it is not going to be.

    Claim and pods may be behind the store: then the claim gets another volume of its pod's node. What keeps
    data safe is the compare-and-set alone."""
    volume, claim = snapshot.volume, snapshot.claim
    if claim is not None and claim.spec.volumeName == volume.metadata.name:
        return (Update(settled(volume, claim)),)  # the mark was set by somebody else, on a bound one
    if claim is None or not claim.spec.volumeName:
        if claim is not None and any(reaches(each.node, volume) for each in snapshot.consumers):
            return ()
        left_s = held_for_s(volume, now)
        if left_s > 0:
            return (*_phase(volume, "Available", now), RequeueAfter(left_s))
    reference = volume.spec.claimRef
    message = f"let go of by claim {reference.namespace}/{reference.name}: no pod came to use it"
    return (Update(let_go(volume), Record(volume, "Normal", "LetGo", message)),)


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
