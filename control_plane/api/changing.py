"""Changing objects: read, change, check, compare and set, and again when another write came between."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from google.protobuf.message import Message

from control_plane.api import deletion, refusals
from control_plane.api.admission import Admission
from control_plane.api.companions import Companions
from control_plane.api.creating import Creator, NewObject
from control_plane.api.messages import copy, has_part, metadata
from control_plane.api.patching import apply as server_side_apply
from control_plane.api.patching import track_update
from control_plane.api.registry import row
from control_plane.api.rules import default_object, validate_status_update, validate_update
from control_plane.api.rules.api import rules_of
from control_plane.api.scale import SCALE
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import StepRefused, Storage, Stored
from control_plane.api.strategy import (
    canonicalize,
    finish_update,
    prepare_finalize,
    prepare_status_update,
    prepare_update,
)
from control_plane.api.writes import (
    Change,
    Result,
    WriteOptions,
    check_causes,
    drop_repeated_owners,
    supported,
)
from control_plane.store.interface import Write
from knarr.api.kinds import Kind
from knarr.clock import Clock
from knarr.errors import AlreadyExists, ApiError, BadRequest, NotFound
from knarr.proto.services import object_service_pb2 as wire

STATUS, FINALIZE = "status", "finalize"


@dataclass(frozen=True, slots=True)
class _Target:
    """Which object is changed, through what, and how."""

    kind: Kind
    namespace: str
    name: str
    subresource: str
    change: Change
    options: WriteOptions
    uid: str = ""  # of the very object that is meant; "" for any


class Changer:
    """The way of a changed object into the store."""

    def __init__(
        self,
        storage: Storage,
        admission: Admission,
        companions: Companions,
        creator: Creator,
        clock: Clock,
        settings: ApiSettings,
    ) -> None:
        self._storage = storage
        self._admission = admission
        self._companions = companions
        self._creator = creator
        self._clock = clock
        self._settings = settings

    async def change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        options: WriteOptions,
        subresource: str,
        uid: str = "",
    ) -> Result:
        """See Api.change. With `uid`, only that very object, else Conflict."""
        check_subresource(kind, subresource)
        return await self._change(_Target(kind, namespace, name, subresource, change, options, uid))

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        applied: Mapping[str, Any],
        options: WriteOptions,
        force: bool,
        subresource: str,
    ) -> Result:
        """See Api.apply."""
        check_subresource(kind, subresource)

        def merge(live: Message | None) -> Message:
            merged: Any = server_side_apply(
                live,
                applied,
                kind,
                manager=options.manager,
                force=force,
                now=self._clock.now(),
                subresource=subresource,
            )
            if subresource == SCALE and not merged.spec.HasField("replicas"):
                merged.spec.replicas = 0  # a Scale without replicas has none
            return cast(Message, merged)

        untracked = replace(options, track=False)  # applying tracks by itself
        target = _Target(kind, namespace, name, subresource, merge, untracked)
        if subresource:
            return await self._change(target)
        return await self._change_or_create(target, lambda: _to_create(target, merge(None)))

    async def replace(
        self, kind: Kind, namespace: str, obj: Message, options: WriteOptions, subresource: str
    ) -> Result:
        """See Api.update and Api.update_status. The given object is left as it is."""
        check_subresource(kind, subresource)
        own = metadata(obj)
        target = _Target(kind, namespace, own.name, subresource, lambda current: copy(obj), options, own.uid)
        if subresource or own.uid or own.resourceVersion or not row(kind).create_by_update:
            return await self._change(target)
        return await self._change_or_create(target, lambda: obj)

    async def _change(self, target: _Target) -> Result:
        current = await self._storage.likely(target.kind, target.namespace, target.name)
        return await self._run(target, current)

    async def _change_or_create(self, target: _Target, new: Callable[[], Message]) -> Result:
        kind, namespace, options = target.kind, target.namespace, target.options
        for attempt in range(self._settings.write_attempts):
            with contextlib.suppress(NotFound):
                return await self._change(target)
            try:
                return await self._creator.create(NewObject(kind, namespace, new(), options))
            except AlreadyExists:
                await self._storage.pause(attempt)
        raise refusals.conflict(kind, target.name)

    async def _run(self, target: _Target, current: Stored) -> Result:
        kind, name = target.kind, target.name
        refused: frozenset[str] = frozenset()  # keys that were to be made with it and were there
        for attempt in range(self._settings.write_attempts):
            try:
                result = await self._attempt(target, current, refused)
            except StepRefused as error:
                refused |= error.keys
                await self._storage.pause(attempt)
                continue
            if isinstance(result, Result):
                return result
            if result is None:
                raise refusals.not_found(kind, name)
            if not current.fresh:
                # The cache was behind; that is no contention.
                current = result
                continue
            current = result
            await self._storage.pause(attempt)
        raise refusals.conflict(kind, name)

    async def _attempt(
        self, target: _Target, current: Stored, refused: frozenset[str]
    ) -> Result | Stored | None:
        """One try: what it did, or what is stored instead of `current` (None: nothing)."""
        kind, options = target.kind, target.options
        try:
            new, warnings = self._changed(target, current)
            also = await self._beside(target, new, current.obj, refused)
        except ApiError:
            newer = await self._newer(target, current)
            if newer is not None:
                return newer
            raise
        if new == current.obj:
            newer = await self._newer(target, current)
            return newer if newer is not None else Result(current.obj, wire.UNCHANGED, warnings)
        over = deletion.is_over(new)
        if options.dry_run:
            if not over:
                await self._storage.check(kind, current.obj, new)
            return Result(new, wire.DELETED if over else wire.CONFIGURED, warnings)
        if over:
            removed = await self._storage.remove(
                kind, target.namespace, target.name, current.version, current.obj
            )
            if not isinstance(removed, int):
                return removed
            await self._companions.let_go(current.obj, None)
            return Result(new, wire.DELETED, warnings)
        written = await self._storage.replace(kind, new, current.version, current.obj, also)
        if not isinstance(written, Message):
            return written
        await self._companions.let_go(current.obj, written)
        return Result(written, wire.CONFIGURED, warnings)

    async def _beside(
        self, target: _Target, new: Message, old: Message, refused: frozenset[str]
    ) -> list[Write]:
        """What is written in one step with the changed object; raises ApiError."""
        if target.subresource:
            return []
        if target.options.dry_run:
            await self._companions.rehearse(new, old)
            return []
        return self._companions.of(new, old, refused)

    async def _newer(self, target: _Target, current: Stored) -> Stored | None:
        """What the store has instead, where `current` came from a cache that is behind: neither a refusal nor
        "unchanged" may rest on that."""
        if current.fresh:
            return None
        newest = await self._storage.newest(target.kind, target.namespace, target.name)
        return newest if newest.version != current.version else None

    def _changed(self, target: _Target, current: Stored) -> tuple[Message, list[str]]:
        """The object as it is to be written, and warnings; raises ApiError."""
        kind, old, options = target.kind, current.obj, target.options
        _check_uid(target, old)
        new = target.change(copy(old))
        own = metadata(new)
        _check_version(kind, new, current)
        if own.resourceVersion or rules_of(kind).unconditional:
            own.resourceVersion = str(current.version)
        warnings = drop_repeated_owners(new)
        match target.subresource:
            case "status":
                new = prepare_status_update(kind, new, old)
                default_object(kind, new)
                causes = validate_status_update(kind, new, old)
            case "finalize":
                new = prepare_finalize(new, old)
                causes = validate_update(kind, new, old)
            case _:
                prepare_update(kind, new, old)
                default_object(kind, new)
                self._admission.fill_changed(kind, new, old)
                finish_update(kind, new, old)
                causes, about_fields = supported(kind, new, refuse=self._settings.refuse_unsupported)
                causes += validate_update(kind, new, old)
                warnings += about_fields
        check_causes(kind, new, causes)
        canonicalize(kind, new)
        if not target.subresource:
            self._admission.check_changed(kind, new, old)
        if options.track:
            now, subresource = self._clock.now(), target.subresource
            track_update(old, new, kind, manager=options.manager, now=now, subresource=subresource)
        return new, warnings


def _to_create(target: _Target, obj: Message) -> Message:
    """What was applied to nothing, if it was not meant for an object that there was."""
    own = metadata(obj)
    if own.uid:
        why = f"uid mismatch: the provided object specified uid {own.uid}, and no existing object was found"
        raise refusals.conflict(target.kind, target.name, why)
    if own.resourceVersion:
        raise refusals.not_found(target.kind, target.name)
    own.name = target.name
    return obj


def check_subresource(kind: Kind, subresource: str) -> None:
    """Raises NotFound for a subresource that the kind does not have."""
    if subresource and subresource not in kind.subresources:
        raise NotFound("the server could not find the requested resource")
    if subresource == STATUS and not has_part(kind, STATUS):
        raise NotFound("the server could not find the requested resource")


def _check_uid(target: _Target, current: Message) -> None:
    known = metadata(current)
    if target.uid and target.uid != known.uid:
        raise refusals.conflict(target.kind, known.name, refusals.failed("UID", target.uid, known.uid))


def _check_version(kind: Kind, new: Message, current: Stored) -> None:
    """A write that names a version is of that version; none and 0 name none."""
    own = metadata(new)
    if own.resourceVersion and not own.resourceVersion.isdecimal():
        raise BadRequest(f'metadata.resourceVersion: "{own.resourceVersion}" is no number')
    if own.resourceVersion.strip("0") == "":
        own.resourceVersion = ""
    elif own.resourceVersion != str(current.version):
        raise refusals.conflict(kind, metadata(current.obj).name)
