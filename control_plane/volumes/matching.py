"""Which volume a claim gets: all that it asks for, and as little more as there is. Pure."""

from collections.abc import Iterable, Mapping

from knarr.api.errors import SelectorError
from knarr.api.quantity import Quantity, parse
from knarr.api.selectors import from_message
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import storage_v1_pb2 as storage

STORAGE = "storage"


def points_at(volume: core.PersistentVolume, claim: core.PersistentVolumeClaim) -> bool:
    """Whether the volume is kept for this claim: by its name, and by its uid as soon as that is known."""
    reference, own = volume.spec.claimRef, claim.metadata
    return (
        volume.spec.HasField("claimRef")
        and (reference.namespace, reference.name) == (own.namespace, own.name)
        and reference.uid in ("", own.uid)
    )


def point_at(volume: core.PersistentVolume, claim: core.PersistentVolumeClaim) -> None:
    """Keep the volume for this very claim, in place."""
    reference, own = volume.spec.claimRef, claim.metadata
    reference.apiVersion, reference.kind = "v1", "PersistentVolumeClaim"
    reference.namespace, reference.name = own.namespace, own.name
    reference.uid, reference.resourceVersion = own.uid, own.resourceVersion


def fits(claim: core.PersistentVolumeClaim, volume: core.PersistentVolume) -> bool:
    """Whether the volume has what the claim asks for."""
    spec = claim.spec
    if volume.metadata.HasField("deletionTimestamp") or not has_room(claim, volume):
        return False
    if (volume.spec.volumeMode or "Filesystem") != (spec.volumeMode or "Filesystem"):
        return False
    if volume.spec.storageClassName != spec.storageClassName:
        return False
    if not set(spec.accessModes) <= set(volume.spec.accessModes):
        return False
    if not spec.HasField("selector"):
        return True
    try:
        return from_message(spec.selector).matches(volume.metadata.labels)
    except SelectorError:
        return False


def has_room(claim: core.PersistentVolumeClaim, volume: core.PersistentVolume) -> bool:
    """Whether the volume is as large as the claim asks for."""
    return capacity(volume) >= requested(claim)


def best(
    claim: core.PersistentVolumeClaim, volumes: Iterable[core.PersistentVolume]
) -> core.PersistentVolume | None:
    """The volume that is kept for the claim; else the smallest free one that fits."""
    free = []
    for volume in volumes:
        if points_at(volume, claim):
            return volume
        if not volume.spec.HasField("claimRef") and fits(claim, volume):
            free.append(volume)
    return min(free, key=lambda volume: (capacity(volume), volume.metadata.name), default=None)


def capacity(volume: core.PersistentVolume) -> Quantity:
    """Bytes."""
    return _bytes(volume.spec.capacity)


def requested(claim: core.PersistentVolumeClaim) -> Quantity:
    """Bytes."""
    return _bytes(claim.spec.resources.requests)


def _bytes(amounts: Mapping[str, meta.Quantity]) -> Quantity:
    return parse(amounts[STORAGE].string) if STORAGE in amounts else parse("0")


def waits_for_consumer(found: storage.StorageClass | None) -> bool:
    """Whether claims of the class are bound only when a pod with them has a node."""
    return found is not None and found.volumeBindingMode == "WaitForFirstConsumer"
