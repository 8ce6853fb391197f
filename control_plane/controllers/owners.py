"""Owner references: who controls an object, and claiming and letting go of objects by selector. Pure.

Source: Kubernetes' ControllerRefManager: a controller adopts what its selector matches and nobody controls,
and lets go of what it controls and its selector no longer matches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from control_plane.controllers.actions import Update, copy_of, metadata
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api import kinds
from knarr.api.owners import controller_of
from knarr.api.selectors import from_message
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)


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
            adopted = copy_of(obj)
            metadata(adopted).ownerReferences.append(controller_reference(owner))
            owned.append(adopted)
            updates.append(Update(adopted))
    return Claims(tuple(owned), tuple(updates))


def _released(obj: Message, uid: str) -> Update:
    copy = copy_of(obj)
    meta_ = metadata(copy)
    kept = [owner for owner in meta_.ownerReferences if owner.uid != uid]
    del meta_.ownerReferences[:]
    meta_.ownerReferences.extend(kept)
    return Update(copy)


def itself(objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
    """A change of an object concerns the object."""
    return (change.key,)


class Orphans(Generic[M]):
    """The objects of one kind that nobody controls, by namespace: what may be adopted.

    An index beside the cache, filled by the changes that name keys. Without it every decision would have to
    compare its selector with every object of the namespace."""

    def __init__(self, kind: type[M], owner_kind: type[Message]) -> None:
        self._kind = kind
        self._owner_kind = owner_kind
        self._names: dict[str, set[str]] = {}

    def note(self, change: ObjectChange) -> bool:
        """Take note of a change; whether the object has no controller now."""
        key = change.key
        orphaned = change.new is not None and controller_of(metadata(change.new)) is None
        if orphaned:
            self._names.setdefault(key.namespace, set()).add(key.name)
        elif key.name in self._names.get(key.namespace, ()):
            self._names[key.namespace].discard(key.name)
            if not self._names[key.namespace]:
                del self._names[key.namespace]
        return orphaned

    def keys_of(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        """The owners that a change of a dependent concerns: who controls it, who controlled it and, while
        nobody controls it, those whose selector's labels it has (their decision looks closer)."""
        name, namespace = self._owner_kind.DESCRIPTOR.name, change.key.namespace
        keys: dict[ObjectKey, None] = {}
        for obj in (change.old, change.new):
            owner = None if obj is None else controller_of(metadata(obj))
            if owner is not None and owner.kind == name:
                keys[ObjectKey(name, namespace, owner.name)] = None
        if self.note(change) and change.new is not None:
            labels = metadata(change.new).labels
            for candidate in objects.list(self._owner_kind, namespace) if labels else ():
                selector: meta.LabelSelector = candidate.spec.selector  # type: ignore[attr-defined]
                if all(labels.get(key) == value for key, value in selector.matchLabels.items()):
                    keys[ObjectKey(name, namespace, metadata(candidate).name)] = None
        return tuple(keys)

    def family(
        self, objects: Objects, owner: Message, selector: meta.LabelSelector
    ) -> tuple[tuple[M, ...], frozenset[str]]:
        """What the owner controls and what it may adopt, and the uids of those that the selector matches."""
        own = metadata(owner)
        wanted = from_message(selector)
        found = objects.list(self._kind, own.namespace, owner_uid=own.uid)
        for name in sorted(self._names.get(own.namespace, ())):
            orphan = objects.get(self._kind, own.namespace, name)
            if orphan is None or controller_of(metadata(orphan)) is not None:
                continue
            if wanted.matches(metadata(orphan).labels):
                found.append(orphan)
        matching = frozenset(metadata(obj).uid for obj in found if wanted.matches(metadata(obj).labels))
        return tuple(found), matching
