"""The garbage collector: deletes what has lost its owners, and carries out foreground and orphan deletion.

Source: kubernetes.io/docs/concepts/architecture/garbage-collection. Owners are told apart by uid. An owner of
a kind that is not served here is taken to exist. That an owner is gone is believed when its deletion was
seen; otherwise the store is asked before anything is done, for the caches of two kinds may be of different
moments.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Delete,
    Failure,
    Instance,
    Update,
    copy_of,
    key_of,
    metadata,
)
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import DeleteOptions, ObjectChange, ObjectKey, Objects, Propagation
from knarr.api import kinds
from knarr.proto.kubernetes import meta_v1_pb2 as meta

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
BURST = 500  # dependents let go of by one decision
_REMEMBERED = 65_536  # uids of objects whose deletion was seen
_OWNED = tuple(kind for kind in kinds.KINDS if kind is not kinds.EVENT)
_BY_NAME = {kind.name: kind for kind in _OWNED}


class State(Enum):
    """What has become of an owner."""

    SOLID = auto()  # it exists, as far as we can know
    WAITING = auto()  # it is being deleted and waits for its dependents
    ABSENT = auto()  # the cache has no object with this uid


@dataclass(frozen=True, slots=True)
class Owner:
    """One owner reference of an object."""

    instance: Instance
    state: State
    seen_to_go: bool = False  # ABSENT, and no doubt about it
    is_held: bool = False  # it is being deleted and waits for its dependents to be gone or free


@dataclass(frozen=True, slots=True)
class GarbageSnapshot:
    """An object, its owners and, where they matter, its dependents."""

    obj: Message
    owners: tuple[Owner, ...]
    dependents: tuple[Message, ...] = ()


class GarbageController:
    """Collects."""

    name = "garbage-collector"
    primaries: Sequence[type[Message]] = tuple(kind.message for kind in _OWNED)

    def __init__(self) -> None:
        # Dependents by owner's uid through references that are not the controller's; those are in the cache.
        self._others: dict[str, dict[ObjectKey, None]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self.watches: Mapping[type[Message], KeysOf] = {kind.message: self._keys_of for kind in _OWNED}

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> GarbageSnapshot | None:
        obj = objects.get(_BY_NAME[key.kind].message, key.namespace, key.name)
        if obj is None:
            return None
        own = metadata(obj)
        owners = tuple(self._owner(objects, own, reference) for reference in own.ownerReferences)
        held = own.HasField("deletionTimestamp") and (
            FOREGROUND in own.finalizers or ORPHAN in own.finalizers
        )
        dependents: tuple[Message, ...] = ()
        if held or any(owner.state is State.WAITING for owner in owners):
            dependents = tuple(self._dependents(objects, own))
        return GarbageSnapshot(obj, owners, dependents)

    def decide(self, snapshot: GarbageSnapshot, now: float) -> tuple[Action, ...]:
        """Let go of dependents, end a foreground deletion, or collect the object itself."""
        own = metadata(snapshot.obj)
        if not own.HasField("deletionTimestamp"):
            return _collect(snapshot)
        if ORPHAN in own.finalizers:
            if snapshot.dependents:
                freed = snapshot.dependents[:BURST]
                return tuple(Update(_without_owners(one, {own.uid})) for one in freed)
            return (Update(_without_finalizer(snapshot.obj, ORPHAN)),)
        if FOREGROUND in own.finalizers and not any(
            reference.uid == own.uid and reference.blockOwnerDeletion
            for one in snapshot.dependents
            for reference in metadata(one).ownerReferences
        ):
            return (Update(_without_finalizer(snapshot.obj, FOREGROUND)),)
        return ()

    def _owner(self, objects: Objects, own: meta.ObjectMeta, reference: meta.OwnerReference) -> Owner:
        kind = kinds.find(reference.apiVersion, reference.kind)
        namespace = own.namespace if kind is not None and kind.namespaced else ""
        instance = Instance(ObjectKey(reference.kind, namespace, reference.name), reference.uid)
        if kind is None or (kind.namespaced and not own.namespace):
            return Owner(instance, State.SOLID)
        found = objects.get(kind.message, namespace, reference.name)
        if found is None or metadata(found).uid != reference.uid:
            return Owner(instance, State.ABSENT, reference.uid in self._gone)
        is_held = _is_held(metadata(found))
        waits = is_held and FOREGROUND in metadata(found).finalizers
        return Owner(instance, State.WAITING if waits else State.SOLID, is_held=is_held)

    def _dependents(self, objects: Objects, own: meta.ObjectMeta) -> Iterator[Message]:
        namespace = own.namespace or None
        for kind in _OWNED:
            if kind.namespaced or namespace is None:
                yield from objects.list(kind.message, namespace, owner_uid=own.uid)
        for key in tuple(self._others.get(own.uid, ())):
            obj = objects.get(_BY_NAME[key.kind].message, key.namespace, key.name)
            if obj is not None and any(one.uid == own.uid for one in metadata(obj).ownerReferences):
                yield obj

    def _keys_of(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        """An object without owners and finalizers costs nothing here but to be looked at."""
        new, old = change.new, change.old
        after = metadata(new) if new is not None else None
        before = metadata(old) if old is not None else None
        own = after or before
        if own is None:
            return ()
        references = list(after.ownerReferences) if after is not None else []
        known = list(before.ownerReferences) if before is not None else []
        keys: dict[ObjectKey, None] = {}
        if references != known:
            self._index(change.key, references, known)
            states = [self._owner(objects, own, one) for one in references]
            if any(owner.state is not State.SOLID for owner in states):
                keys[change.key] = None
            for reference in known:  # one that is held until its dependents are gone or free has one less
                owner = self._owner(objects, own, reference)
                if owner.is_held:
                    keys[owner.instance.key] = None
        if after is None:
            self._note_gone(own.uid)
            keys.update((key_of(one), None) for one in self._dependents(objects, own))
        elif _is_held(after):
            keys[change.key] = None
            if before is None or not _is_held(before) or list(before.finalizers) != list(after.finalizers):
                keys.update((key_of(one), None) for one in self._dependents(objects, own))
        return tuple(keys)

    def _index(
        self, key: ObjectKey, references: Sequence[meta.OwnerReference], known: Sequence[meta.OwnerReference]
    ) -> None:
        for reference in known:
            others = self._others.get(reference.uid)
            if others is not None:
                others.pop(key, None)
                if not others:
                    del self._others[reference.uid]
        for reference in references:
            if not reference.controller:
                self._others.setdefault(reference.uid, {})[key] = None

    def _note_gone(self, uid: str) -> None:
        self._gone[uid] = None
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)


def _is_held(own: meta.ObjectMeta) -> bool:
    return own.HasField("deletionTimestamp") and (FOREGROUND in own.finalizers or ORPHAN in own.finalizers)


def _collect(snapshot: GarbageSnapshot) -> tuple[Action, ...]:
    """Delete an object that no owner is left of; drop the references to owners that are going or gone."""
    owners = snapshot.owners
    absent = [owner for owner in owners if owner.state is State.ABSENT]
    waiting = [owner for owner in owners if owner.state is State.WAITING]
    if not absent and not waiting:
        return ()
    unless = tuple(owner.instance for owner in absent if not owner.seen_to_go)
    if len(absent) + len(waiting) < len(owners):
        uids = {owner.instance.uid for owner in (*absent, *waiting)}
        return (Update(_without_owners(snapshot.obj, uids), unless=unless),)
    own = metadata(snapshot.obj)
    propagation = Propagation.BACKGROUND
    if ORPHAN in own.finalizers:
        propagation = Propagation.ORPHAN
    elif waiting and snapshot.dependents:
        propagation = Propagation.FOREGROUND
    options = DeleteOptions(uid=own.uid, propagation=propagation)
    return (Delete(key_of(snapshot.obj), options, unless=unless),)


def _without_owners(obj: Message, uids: set[str]) -> Message:
    copy = copy_of(obj)
    own = metadata(copy)
    kept = [reference for reference in own.ownerReferences if reference.uid not in uids]
    del own.ownerReferences[:]
    own.ownerReferences.extend(kept)
    return copy


def _without_finalizer(obj: Message, finalizer: str) -> Message:
    copy = copy_of(obj)
    metadata(copy).finalizers.remove(finalizer)
    return copy
