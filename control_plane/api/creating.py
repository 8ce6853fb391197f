"""Creating objects: name, defaults, admission, validation, ownership, store."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.admission import Admission
from control_plane.api.companions import Companions
from control_plane.api.messages import copy, metadata
from control_plane.api.patching import track_update
from control_plane.api.rules import default_object, validate_create
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import StepRefused, Storage
from control_plane.api.strategy import MAX_GENERATED_BASE, canonicalize, finish_create, prepare_create
from control_plane.api.writes import (
    Result,
    WriteOptions,
    check_causes,
    drop_repeated_owners,
    set_namespace,
    supported,
)
from control_plane.store.interface import Write
from knarr.api.kinds import Kind
from knarr.clock import Clock, Ids
from knarr.errors import AlreadyExists, ApiError, BadRequest, NotFound
from knarr.proto.services import object_service_pb2 as wire

GENERATED_NAME_TRIES = 8
SLICE = 10  # objects made ready before others run


@dataclass(frozen=True, slots=True)
class NewObject:
    """An object to be created, for whom and where."""

    kind: Kind
    namespace: str
    obj: Message
    options: WriteOptions

    @property
    def named_by_server(self) -> bool:
        own = metadata(self.obj)
        return not own.name and bool(own.generateName)


class Creator:
    """The way of a new object into the store."""

    def __init__(
        self,
        storage: Storage,
        admission: Admission,
        companions: Companions,
        clock: Clock,
        ids: Ids,
        settings: ApiSettings,
    ) -> None:
        self._storage = storage
        self._admission = admission
        self._companions = companions
        self._clock = clock
        self._ids = ids
        self._settings = settings

    async def create(self, new: NewObject) -> Result:
        """See Api.create. The given object is left as it is."""
        refused: frozenset[str] = frozenset()  # keys that were to be made with it and were there
        for attempt in range(GENERATED_NAME_TRIES):
            try:
                result = await self._ready(new)
                if new.options.dry_run:
                    return await self._rehearsed(new.kind, result)
                also = self._companions.of(result.obj, None, refused)
                result.obj = await self._storage.create(new.kind, result.obj, also)
                return result
            except StepRefused as error:
                if attempt == GENERATED_NAME_TRIES - 1:
                    raise
                refused |= error.keys
            except AlreadyExists as error:
                if not new.named_by_server:
                    raise
                if attempt == GENERATED_NAME_TRIES - 1:
                    raise refusals.no_unique_name(error) from error
        raise AssertionError("unreachable")

    async def create_all(self, items: Sequence[NewObject]) -> list[Result | ApiError]:
        """See Api.create_all."""
        results: list[Result | ApiError] = []
        ready: dict[int, Result] = {}
        also: dict[int, list[Write]] = {}
        for index, new in enumerate(items):
            try:
                result = await self._ready(new)
                also[index] = [] if new.options.dry_run else self._companions.of(result.obj, None)
                ready[index] = result
                results.append(result)
            except ApiError as error:
                results.append(error)
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        rehearsed = [index for index in ready if items[index].options.dry_run]
        for index in rehearsed:
            results[index] = await _outcome(self._rehearsed(items[index].kind, ready.pop(index)))
        stored = await self._storage.create_all(
            [(items[index].kind, result.obj, also[index]) for index, result in ready.items()]
        )
        for (index, result), outcome in zip(ready.items(), stored, strict=True):
            if isinstance(outcome, Message):
                result.obj = outcome
            elif _may_go_better(items[index], outcome):
                results[index] = await _outcome(self.create(items[index]))
            else:
                results[index] = outcome
        return results

    async def _ready(self, new: NewObject) -> Result:
        """The object as it is to be stored, under a name that may turn out to be taken; raises ApiError."""
        kind, options, obj = new.kind, new.options, copy(new.obj)
        own = metadata(obj)
        if own.resourceVersion:
            raise BadRequest("resourceVersion should not be set on objects to be created")
        set_namespace(kind, new.namespace, obj)
        repeated = drop_repeated_owners(obj)
        if new.named_by_server:
            own.name = own.generateName[:MAX_GENERATED_BASE] + self._ids.suffix(5)
        if options.track:
            self._note_owner(kind, obj, options.manager)
        prepare_create(kind, obj, uid=self._ids.uid(), now=self._clock.now())
        default_object(kind, obj)
        await self._admission.fill_new(kind, obj)
        finish_create(kind, obj)
        causes, warnings = supported(kind, obj, refuse=self._settings.refuse_unsupported)
        check_causes(kind, obj, [*causes, *validate_create(kind, obj)])
        canonicalize(kind, obj)
        self._admission.check_new(kind, obj)
        return Result(obj, wire.CREATED, [*repeated, *warnings])

    def _note_owner(self, kind: Kind, obj: Message, manager: str) -> None:
        """The creator owns what it says and what is the default. What the kind's strategy and admission add
        from here on belongs to nobody."""
        said = copy(obj)
        default_object(kind, said)
        track_update(None, said, kind, manager=manager, now=self._clock.now())
        entries = metadata(obj).managedFields
        del entries[:]
        entries.extend(metadata(said).managedFields)

    async def _rehearsed(self, kind: Kind, result: Result) -> Result:
        """Everything but the write; raises ApiError."""
        await self._check_absent(kind, result.obj)
        await self._companions.rehearse(result.obj, None)
        await self._storage.check(kind, None, result.obj)
        return result

    async def _check_absent(self, kind: Kind, obj: Message) -> None:
        own = metadata(obj)
        try:
            await self._storage.record(kind, own.namespace, own.name)
        except NotFound:
            return
        raise refusals.already_exists(kind, own.name)


def _may_go_better(new: NewObject, error: ApiError) -> bool:
    """Whether another try may not meet what this one met: a taken name that the server chose, say."""
    return isinstance(error, StepRefused) or (isinstance(error, AlreadyExists) and new.named_by_server)


async def _outcome(work: Awaitable[Result]) -> Result | ApiError:
    try:
        return await work
    except ApiError as error:
        return error
