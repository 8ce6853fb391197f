"""Api: creating, changing and deleting objects, in process and without a transport.

Reads of many objects stand in reading.py and watching.py; what each step means in the pure modules beside it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message
from knarr.api.support import check_support

from control_plane.api import admission, deletion, refusals
from control_plane.api.messages import copy, has_part, metadata
from control_plane.api.patching import apply as server_side_apply
from control_plane.api.patching import track_update
from control_plane.api.rules import default_object, validate_create, validate_status_update, validate_update
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage, Stored
from control_plane.api.strategy import (
    MAX_GENERATED_BASE,
    prepare_create,
    prepare_status_update,
    prepare_update,
)
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import DeleteOptions
from control_plane.store.interface import Store
from knarr.api.kinds import NAMESPACE, Kind
from knarr.clock import Clock, Ids
from knarr.errors import AlreadyExists, BadRequest, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from knarr.proto.services import object_service_pb2 as wire

GENERATED_NAME_TRIES = 8
Change = Callable[[Message], Message]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Who writes, and whether for real."""

    manager: str = "knarr"
    dry_run: bool = False
    # The control plane's own parts write 10,000 times a second and conflict with nobody over fields.
    track: bool = True


@dataclass(slots=True)
class Result:
    """What a write did. `obj` is the last state of an object that is gone."""

    obj: Message
    outcome: "wire.Outcome.ValueType"
    warnings: list[str] = field(default_factory=list)


class Api:
    """Everything that may be done to single objects."""

    def __init__(
        self,
        store: Store,
        objects: CachedObjects,
        clock: Clock,
        ids: Ids,
        rng: random.Random,
        settings: ApiSettings | None = None,
    ) -> None:
        self.settings = settings or ApiSettings()
        self.objects = objects
        self.storage = Storage(store, objects, rng, self.settings)
        self._clock = clock
        self._ids = ids

    async def get(self, kind: Kind, namespace: str, name: str) -> Message:
        """The newest state of one object; raises NotFound."""
        return (await self.storage.newest(kind, namespace, name)).obj

    # create

    async def create(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Create; honours generateName. Raises AlreadyExists, Invalid, Forbidden, BadRequest, NotFound (the
        namespace), TooLarge."""
        obj = copy(obj)
        own = metadata(obj)
        _check_namespace(kind, namespace, obj)
        if own.resourceVersion:
            raise BadRequest("resourceVersion should not be set on objects to be created")
        generated = not own.name and bool(own.generateName)
        for attempt in range(GENERATED_NAME_TRIES):
            if generated:
                own.name = own.generateName[:MAX_GENERATED_BASE] + self._ids.suffix(5)
            try:
                return await self._create(kind, obj, options)
            except AlreadyExists:
                if not generated or attempt == GENERATED_NAME_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    async def _create(self, kind: Kind, given: Message, options: WriteOptions) -> Result:
        obj = copy(given)
        prepare_create(kind, obj, uid=self._ids.uid(), now=self._clock.now())
        default_object(kind, obj)
        self._admit(kind, obj)
        name = metadata(obj).name
        warnings = _check_supported(kind, obj)
        causes = validate_create(kind, obj)
        if causes:
            raise refusals.invalid(kind, name, causes)
        if options.track:
            track_update(None, obj, kind, manager=options.manager, now=self._clock.now())
        if options.dry_run:
            if self.storage.cached(kind, metadata(obj).namespace, name) is not None:
                raise refusals.already_exists(kind, name)
            return Result(obj, wire.CREATED, warnings)
        return Result(await self.storage.create(kind, obj), wire.CREATED, warnings)

    def _admit(self, kind: Kind, obj: Message) -> None:
        namespace = self.objects.get(core.Namespace, "", metadata(obj).namespace) if kind.namespaced else None
        admission.admit_namespace(kind, obj, namespace)
        if isinstance(obj, core.Pod):
            admission.admit_priority(kind, obj, self._priority_class, self._priority_classes())
            admission.admit_tolerations(obj, self.settings.toleration_s)
        if isinstance(obj, scheduling.PriorityClass):
            admission.admit_priority_class(obj, self._priority_classes())

    def _priority_class(self, name: str) -> scheduling.PriorityClass | None:
        return self.objects.get(scheduling.PriorityClass, "", name)

    def _priority_classes(self) -> list[scheduling.PriorityClass]:
        return self.objects.list(scheduling.PriorityClass)

    # change

    async def update(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Replace everything but status. With metadata.resourceVersion, only if that is the current one."""
        _check_namespace(kind, namespace, obj)

        def change(current: Message) -> Message:
            _check_same(kind, obj, current)
            return copy(obj)

        return await self._change(kind, namespace, metadata(obj).name, change, options, obj)

    async def update_status(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Replace status, and nothing else."""
        if not has_part(kind, "status"):
            raise NotFound("the server could not find the requested resource")
        _check_namespace(kind, namespace, obj)

        def change(current: Message) -> Message:
            _check_same(kind, obj, current)
            return prepare_status_update(kind, obj, current)

        return await self._change(
            kind, namespace, metadata(obj).name, change, options, obj, subresource="status"
        )

    async def change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Result:
        """Read, change, write, again when another write came between. `change` may be called several times
        and may raise ApiError; a resourceVersion that it sets is a precondition."""
        return await self._change(kind, namespace, name, change, options, None, subresource=subresource)

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        applied: Mapping[str, Any],
        options: WriteOptions,
        *,
        force: bool = False,
    ) -> Result:
        """Server-side apply; creates the object when there is none."""

        def merge(live: Message | None) -> Message:
            return server_side_apply(
                live, applied, kind, manager=options.manager, force=force, now=self._clock.now()
            )

        for attempt in range(self.settings.write_attempts):
            try:
                stored = await self.storage.likely(kind, namespace, name)
            except NotFound:
                merged = merge(None)
                try:
                    return await self._create_applied(kind, namespace, merged, options)
                except AlreadyExists:
                    await self.storage.pause(attempt)
                    continue

            try:
                return await self._change(
                    kind, namespace, name, merge, options, None, stored=stored, track=False
                )
            except NotFound:
                continue
        raise refusals.conflict(kind, name)

    async def _create_applied(
        self, kind: Kind, namespace: str, obj: Message, options: WriteOptions
    ) -> Result:
        metadata(obj).namespace = namespace if kind.namespaced else ""
        untracked = WriteOptions(options.manager, options.dry_run, track=False)
        return await self.create(kind, namespace, obj, untracked)

    async def _change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        options: WriteOptions,
        given: Message | None,
        *,
        subresource: str = "",
        stored: Stored | None = None,
        track: bool = True,
    ) -> Result:
        current = stored or await self.storage.likely(kind, namespace, name)
        if given is not None and metadata(given).resourceVersion not in ("", str(current.version)):
            # The cache may be behind the writer.
            current = await self.storage.newest(kind, namespace, name)
        for attempt in range(self.settings.write_attempts):
            new, warnings = self._changed(kind, change, current, options, subresource, track)
            if _equal(new, current.obj):
                return Result(current.obj, wire.UNCHANGED, warnings)
            if options.dry_run:
                return Result(new, wire.CONFIGURED, warnings)
            if deletion.is_over(new):
                left = await self.storage.remove(kind, new, current.version)
                if left is None:
                    return Result(new, wire.DELETED, warnings)
            else:
                written = await self.storage.replace(kind, new, current.version)
                if isinstance(written, Message):
                    return Result(written, wire.CONFIGURED, warnings)
                left = written
                if left is None:
                    raise refusals.not_found(kind, name)
            current = left
            await self.storage.pause(attempt)
        raise refusals.conflict(kind, name)

    def _changed(
        self,
        kind: Kind,
        change: Change,
        current: Stored,
        options: WriteOptions,
        subresource: str,
        track: bool,
    ) -> tuple[Message, list[str]]:
        """The object as it is to be written; raises ApiError."""
        old = current.obj
        new = change(copy(old))
        own = metadata(new)
        if own.resourceVersion not in ("", str(current.version)):
            raise refusals.conflict(kind, own.name)
        own.resourceVersion = str(current.version)
        warnings: list[str] = []
        if subresource == "status":
            causes = validate_status_update(kind, new, old)
        else:
            prepare_update(kind, new, old)
            default_object(kind, new)
            self._admit_change(kind, new, old)
            warnings = _check_supported(kind, new)
            causes = validate_update(kind, new, old)
        if causes:
            raise refusals.invalid(kind, own.name, causes)
        if options.track and track:
            track_update(
                old, new, kind, manager=options.manager, now=self._clock.now(), subresource=subresource
            )
        return new, warnings

    def _admit_change(self, kind: Kind, new: Message, old: Message) -> None:
        if isinstance(new, core.Pod) and isinstance(old, core.Pod):
            if not new.spec.HasField("priority") and old.spec.HasField("priority"):
                new.spec.priority = old.spec.priority
            if not new.spec.HasField("preemptionPolicy") and old.spec.HasField("preemptionPolicy"):
                new.spec.preemptionPolicy = old.spec.preemptionPolicy
        if isinstance(new, scheduling.PriorityClass):
            admission.admit_priority_class(new, self._priority_classes())

    # delete

    async def delete(
        self, kind: Kind, namespace: str, name: str, options: DeleteOptions, *, dry_run: bool = False
    ) -> Result:
        """Delete, or mark for deletion. Raises NotFound, Conflict (preconditions), Forbidden."""
        if kind is NAMESPACE:
            admission.admit_namespace_deletion(name)
        current: Stored | None = await self.storage.newest(kind, namespace, name)
        for attempt in range(self.settings.write_attempts):
            if current is None:
                raise refusals.not_found(kind, name)
            _check_preconditions(kind, current, options)
            step = deletion.decide(kind, current.obj, options, self._clock.now())
            match step:
                case deletion.Nothing():
                    return Result(step.obj, wire.DELETING)
                case deletion.Mark():
                    if dry_run:
                        return Result(step.obj, wire.DELETING)
                    written = await self.storage.replace(kind, step.obj, current.version)
                    if isinstance(written, Message):
                        return Result(written, wire.DELETING)
                    current = written
                case deletion.Remove():
                    if dry_run:
                        return Result(step.last, wire.DELETED)
                    left = await self.storage.remove(kind, step.last, current.version)
                    if left is None:
                        return Result(step.last, wire.DELETED)
                    current = left
            await self.storage.pause(attempt)
        raise refusals.conflict(kind, name)


def _equal(new: Message, old: Message) -> bool:
    return new == old


def _check_supported(kind: Kind, obj: Message) -> list[str]:
    """Refuse what Knarr does not honour; the warnings for what it may ignore."""
    causes, warnings = check_support(kind, obj)
    if causes:
        raise refusals.invalid(kind, metadata(obj).name, causes)
    return list(warnings)


def _check_namespace(kind: Kind, namespace: str, obj: Message) -> None:
    own = metadata(obj)
    if not kind.namespaced:
        return
    if not own.namespace:
        own.namespace = namespace
    if own.namespace != namespace:
        raise BadRequest(
            f"the namespace of the provided object does not match the namespace sent on the request "
            f"({own.namespace} is not {namespace})"
        )
    if not namespace:
        raise BadRequest("an empty namespace may not be set during creation")


def _check_same(kind: Kind, obj: Message, current: Message) -> None:
    """An update names the very object: not another one that has had its name since."""
    uid, known = metadata(obj).uid, metadata(current).uid
    if uid and uid != known:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {known}"
        raise refusals.conflict(kind, metadata(obj).name, why)


def _check_preconditions(kind: Kind, current: Stored, options: DeleteOptions) -> None:
    own = metadata(current.obj)
    if options.uid is not None and options.uid != own.uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({own.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise refusals.precondition_failed(kind, own.name, why)
    if options.resource_version is not None and options.resource_version != str(current.version):
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({current.version}). The object might have been modified"
        )
        raise refusals.precondition_failed(kind, own.name, why)
