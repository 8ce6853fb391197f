"""Owner references: who controls an object, and claiming and letting go of objects by selector. Pure.

Source: Kubernetes' ControllerRefManager: a controller adopts what its selector matches and nobody controls,
and lets go of what it controls and its selector no longer matches.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from control_plane.controllers.actions import Update, metadata
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api import kinds
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)


def controller_of(meta_: meta.ObjectMeta) -> meta.OwnerReference | None:
    """The owner reference of the one that controls the object, if any."""
    return next((owner for owner in meta_.ownerReferences if owner.controller), None)


def controller_reference(owner: Message) -> meta.OwnerReference:
    """The reference that makes `owner` the controller of an object."""
    kind, meta_ = kinds.of(owner), metadata(owner)
    return meta.OwnerReference(
        apiVersion=kind.api_version,
        kind=kind.name,
        name=meta_.name,
        uid=meta_.uid,
        controller=True,
        blockOwnerDeletion=True,
    )


@dataclass(frozen=True, slots=True)
class Claims(Generic[M]):
    """What belongs to an owner from now on, and the writes that make it so."""

    owned: tuple[M, ...]
    updates: tuple[Update, ...]


def claim(owner: Message, objects: Iterable[M], matching: frozenset[str]) -> Claims[M]:
    """Adopt and release. `objects`: those the owner controls and those its selector matches; `matching`: the
    uids of the latter. An owner that is being deleted neither adopts nor releases."""
    owner_meta = metadata(owner)
    deleting = owner_meta.HasField("deletionTimestamp")
    owned: list[M] = []
    updates: list[Update] = []
    for obj in objects:
        meta_ = metadata(obj)
        controller = controller_of(meta_)
        matches = meta_.uid in matching
        if controller is not None and controller.uid == owner_meta.uid:
            if matches:
                owned.append(obj)
            elif not deleting:
                updates.append(_released(obj, owner_meta.uid))
        elif controller is None and matches and not deleting and not meta_.HasField("deletionTimestamp"):
            adopted = _copy(obj)
            metadata(adopted).ownerReferences.append(controller_reference(owner))
            owned.append(adopted)
            updates.append(Update(adopted))
    return Claims(tuple(owned), tuple(updates))


def _released(obj: Message, uid: str) -> Update:
    copy = _copy(obj)
    meta_ = metadata(copy)
    kept = [owner for owner in meta_.ownerReferences if owner.uid != uid]
    del meta_.ownerReferences[:]
    meta_.ownerReferences.extend(kept)
    return Update(copy)


def _copy(obj: M) -> M:
    copy = type(obj)()
    copy.CopyFrom(obj)
    return copy


def itself(objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
    """A change of an object concerns the object."""
    return (change.key,)


def controllers_concerned(
    objects: Objects, change: ObjectChange, owner_kind: type[Message]
) -> Sequence[ObjectKey]:
    """The objects of `owner_kind` that a change of a dependent concerns: who controls it, who controlled it,
    and while nobody controls it, those whose selector's labels it has (their decision looks closer)."""
    name = owner_kind.DESCRIPTOR.name
    keys: dict[ObjectKey, None] = {}
    for obj in (change.old, change.new):
        if obj is not None:
            owner = controller_of(metadata(obj))
            if owner is not None and owner.kind == name:
                keys[ObjectKey(name, change.key.namespace, owner.name)] = None
    if change.new is not None and controller_of(metadata(change.new)) is None:
        labels = metadata(change.new).labels
        for candidate in objects.list(owner_kind, change.key.namespace) if labels else ():
            selector: meta.LabelSelector = candidate.spec.selector  # type: ignore[attr-defined]
            if all(labels.get(key) == value for key, value in selector.matchLabels.items()):
                keys[ObjectKey(name, change.key.namespace, metadata(candidate).name)] = None
    return tuple(keys)
