"""A cluster in memory that follows the API's rules, for tests of controllers: Objects, Writer and Recorder.

It keeps versions, generations, uids, preconditions, generated names, graceful deletion and finalizers as the
API server does, and nothing else: no defaults, no validation. Everything happens at once and in order.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from control_plane.controllers.actions import EventType, copy_of, key_of, metadata
from control_plane.objects.interface import (
    Binding,
    ChangeType,
    DeleteOptions,
    Handler,
    ObjectChange,
    ObjectKey,
    Propagation,
)
from knarr.api import kinds, selectors
from knarr.api.kinds import Kind
from knarr.clock import SeededIds
from knarr.errors import AlreadyExists, ApiError, Conflict, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)

_FINALIZERS: Mapping[Propagation | None, str] = {
    Propagation.FOREGROUND: "foregroundDeletion",
    Propagation.ORPHAN: "orphan",
}


@dataclass(frozen=True, slots=True)
class Change:
    """An ObjectChange whose messages are there already."""

    type: ChangeType
    key: ObjectKey
    version: int
    new: Message | None
    old: Message | None


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """What a controller told people."""

    about: ObjectKey
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class Model:
    """The cluster. `now` is its time, set by the test; `refuse` may raise an ApiError for a write."""

    now: float = 1_000_000.0
    events: list[RecordedEvent] = field(default_factory=list)
    refuse: Callable[[str, Message | ObjectKey], None] = lambda verb, obj: None
    _stored: dict[ObjectKey, Message] = field(default_factory=dict)
    _handlers: list[tuple[frozenset[str], Handler]] = field(default_factory=list)
    _version: int = 0
    _ids: SeededIds = field(default_factory=lambda: SeededIds(1))

    # Objects

    def get(self, kind: type[M], namespace: str, name: str) -> M | None:
        found = self._stored.get(ObjectKey(kind.DESCRIPTOR.name, namespace, name))
        return copy_of(found) if isinstance(found, kind) else None

    def list(
        self,
        kind: type[M],
        namespace: str | None = None,
        *,
        labels: meta.LabelSelector | None = None,
        owner_uid: str | None = None,
        node_name: str | None = None,
    ) -> list[M]:
        selector = selectors.EVERYTHING if labels is None else selectors.from_message(labels)
        return [
            copy_of(obj)
            for key, obj in sorted(self._stored.items())
            if isinstance(obj, kind)
            and namespace in (None, key.namespace)
            and selector.matches(metadata(obj).labels)
            and owner_uid in (None, _controller_uid(obj))
            and (node_name is None or (isinstance(obj, core.Pod) and obj.spec.nodeName == node_name))
        ]

    def keys(self, kind: type[Message]) -> Iterable[ObjectKey]:
        return tuple(key for key in sorted(self._stored) if key.kind == kind.DESCRIPTOR.name)

    def subscribe(self, kinds: Sequence[type[Message]], handler: Handler) -> Callable[[], None]:
        names = frozenset(kind.DESCRIPTOR.name for kind in kinds)
        entry = (names, handler)
        self._handlers.append(entry)
        handler(
            [
                Change(ChangeType.ADDED, key, self._version, copy_of(obj), None)
                for key, obj in sorted(self._stored.items())
                if key.kind in names
            ]
        )
        return lambda: self._handlers.remove(entry)

    async def synced(self) -> None:
        return None

    async def seen(self, version: int) -> None:
        return None

    # Writer, and the same at once

    async def create(self, obj: M) -> M:
        return self.put_new(obj)

    async def create_all(self, objs: Sequence[Message]) -> Sequence[Message | ApiError]:
        async def outcome(obj: Message) -> Message | ApiError:
            try:
                return await self.create(obj)
            except ApiError as error:
                return error

        return await asyncio.gather(*map(outcome, objs))

    async def update(self, obj: M) -> M:
        return self.put(obj)

    async def update_status(self, obj: M) -> M:
        return self.put_status(obj)

    async def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> None:
        self.remove(ObjectKey(kind.name, namespace, name), options)

    async def exists(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        found = self._stored.get(ObjectKey(kind.name, namespace, name))
        return found is not None and uid in ("", metadata(found).uid)

    async def bind(self, bindings: Sequence[Binding]) -> Sequence[ApiError | None]:
        for binding in bindings:
            pod = self.one(core.Pod, binding.namespace, binding.name)
            pod.spec.nodeName = binding.node_name
            self.put(pod)
        return [None] * len(bindings)

    def one(self, kind: type[M], namespace: str, name: str) -> M:
        """The object; raises NotFound."""
        found = self.get(kind, namespace, name)
        if found is None:
            raise NotFound(f"{kind.DESCRIPTOR.name} {namespace}/{name} not found")
        return found

    def put_new(self, obj: M) -> M:
        """Create."""
        self.refuse("create", obj)
        new = copy_of(obj)
        meta_ = metadata(new)
        if not meta_.name:
            meta_.name = meta_.generateName + self._ids.suffix(5)
        key = key_of(new)
        if key in self._stored:
            raise AlreadyExists(f"{key} already exists")
        meta_.uid = meta_.uid or self._ids.uid()
        meta_.generation = 1
        if not meta_.HasField("creationTimestamp"):
            meta_.creationTimestamp.seconds = int(self.now)
        return self._store(key, None, new)

    def put(self, obj: M) -> M:
        """Update everything but the status."""
        self.refuse("update", obj)
        key, old = key_of(obj), self._current(obj)
        new = copy_of(obj)
        _copy_part(old, new, "status")
        if _differs(old, new, "spec"):
            metadata(new).generation = metadata(old).generation + 1
        if metadata(new).HasField("deletionTimestamp") and self._may_go(new):
            self._drop(key)
            return new
        return self._store(key, old, new)

    def put_status(self, obj: M) -> M:
        """Update the status alone."""
        self.refuse("update_status", obj)
        old = self._current(obj)
        new = copy_of(old)
        _copy_part(obj, new, "status")
        return self._store(key_of(obj), old, new)

    def remove(self, key: ObjectKey, options: DeleteOptions = DeleteOptions()) -> None:  # noqa: B008
        """Delete: at once, or when the finalizers are gone and the pod's node has stopped it."""
        self.refuse("delete", key)
        old = self._stored.get(key)
        if old is None:
            raise NotFound(f"{key} not found")
        if options.uid not in (None, metadata(old).uid):
            raise Conflict(f"{key} has another uid")
        new = copy_of(old)
        finalizer = _FINALIZERS.get(options.propagation)
        if finalizer is not None and finalizer not in metadata(new).finalizers:
            metadata(new).finalizers.append(finalizer)
        if isinstance(new, core.Pod):
            running = bool(new.spec.nodeName) and options.grace_period_s != 0
            metadata(new).deletionGracePeriodSeconds = 30 if running else 0
        if self._may_go(new):
            self._drop(key)
        elif not metadata(old).HasField("deletionTimestamp") or old != new:
            metadata(new).deletionTimestamp.seconds = int(self.now)
            self._store(key, old, new)

    # Recorder

    def record(self, obj: Message, type: EventType, reason: str, message: str) -> None:
        self.events.append(RecordedEvent(key_of(obj), type, reason, message))

    def _may_go(self, obj: Message) -> bool:
        meta_ = metadata(obj)
        namespace_kept = isinstance(obj, core.Namespace) and bool(obj.spec.finalizers)
        return not meta_.finalizers and not meta_.deletionGracePeriodSeconds and not namespace_kept

    def _current(self, obj: M) -> M:
        key = key_of(obj)
        old = self._stored.get(key)
        if not isinstance(old, type(obj)):
            raise NotFound(f"{key} not found")
        wanted = metadata(obj).resourceVersion
        if wanted and wanted != metadata(old).resourceVersion:
            raise Conflict(f"{key} has changed")
        return old

    def _store(self, key: ObjectKey, old: Message | None, new: M) -> M:
        self._version += 1
        metadata(new).resourceVersion = str(self._version)
        self._stored[key] = new
        type_ = ChangeType.ADDED if old is None else ChangeType.MODIFIED
        self._tell(Change(type_, key, self._version, copy_of(new), old))
        return copy_of(new)

    def _drop(self, key: ObjectKey) -> None:
        self._version += 1
        self._tell(Change(ChangeType.DELETED, key, self._version, None, self._stored.pop(key)))

    def _tell(self, change: ObjectChange) -> None:
        for names, handler in list(self._handlers):
            if change.key.kind in names:
                handler([change])


def kind_of(key: ObjectKey) -> Kind:
    """The row of a key's kind."""
    return next(kind for kind in kinds.KINDS if kind.name == key.kind)


def _controller_uid(obj: Message) -> str | None:
    return next((owner.uid for owner in metadata(obj).ownerReferences if owner.controller), None)


def _copy_part(source: Message, target: Message, part: str) -> None:
    if part in source.DESCRIPTOR.fields_by_name:
        getattr(target, part).CopyFrom(getattr(source, part))


def _differs(left: Message, right: Message, part: str) -> bool:
    return part in left.DESCRIPTOR.fields_by_name and getattr(left, part) != getattr(right, part)
