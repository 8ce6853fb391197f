"""Carries out the actions of one decision through the Writer. It decides nothing.

Runs of Creates, Updates and Deletes go out together, in batches of 1, 2, 4, … (slow start): when each of them
is going to be refused, the first refusal stops the rest. The Creates of a batch are one call of the Writer.
The first error ends the whole decision: the loop decides again from what is true then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Create,
    Delete,
    EventType,
    Failure,
    Instance,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
    key_of,
    metadata,
)
from control_plane.objects.interface import ObjectKey, Writer
from knarr.api.kinds import KINDS
from knarr.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
)
from knarr.errors import Timeout as ApiTimeout

FINAL_ERRORS = (BadRequest, Forbidden, Invalid, MethodNotAllowed, TooLarge)

_KINDS = {kind.name: kind for kind in KINDS}


class Recorder(Protocol):
    """Takes events; never blocks (control_plane/objects/recorder.py)."""

    def record(self, obj: Message, type: EventType, reason: str, message: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Bounds of what is under way at once."""

    concurrency: int = 256  # writes of one decision at once: several store batches
    write_timeout_s: float = 30.0  # a write that takes longer is given up and decided anew


@dataclass(frozen=True, slots=True)
class Applied:
    """How far it went: `error` None when everything was done."""

    error: ApiError | None = None
    failure: Failure | None = None  # set when the error is final: retrying alone will not help
    requeue_after_s: float | None = None


class Applier:
    """Carries out decisions, one call each. Keeps nothing between calls."""

    def __init__(
        self,
        writer: Writer,
        recorder: Recorder,
        settings: ApplySettings,
        counted: Callable[[str], None] = lambda action: None,
    ) -> None:
        """`counted` is told the class name of each action that was carried out."""
        self._writer = writer
        self._recorder = recorder
        self._settings = settings
        self._counted = counted

    async def apply(self, actions: Sequence[Action]) -> Applied:
        """Carry out all actions or stop at the first error. Only ApiErrors are caught."""
        written: dict[ObjectKey, tuple[str, str]] = {}
        delays = [action.seconds for action in actions if isinstance(action, RequeueAfter)]
        requeue_after_s = min(delays, default=None)
        for kind, run in groupby(actions, type):
            if kind is RequeueAfter:
                continue
            error, failed = await self._run(list(run), written)
            if error is not None:
                failure = Failure(_name(failed), error.message) if isinstance(error, FINAL_ERRORS) else None
                return Applied(error, failure, requeue_after_s)
        return Applied(requeue_after_s=requeue_after_s)

    async def _run(
        self, run: list[Action], written: dict[ObjectKey, tuple[str, str]]
    ) -> tuple[ApiError | None, Action]:
        """Actions of one class, in growing batches; the first error of a batch, and whose it was."""
        size = 1
        while run:
            batch, run = run[:size], run[size:]
            outcomes = await self._together(batch, written)
            for action, error in zip(batch, outcomes, strict=True):
                if error is not None:
                    return error, action
            size = min(size * 2, self._settings.concurrency)
        return None, batch[-1]

    async def _together(
        self, batch: Sequence[Action], written: dict[ObjectKey, tuple[str, str]]
    ) -> list[ApiError | None]:
        """The outcomes of actions of one class, carried out at once."""
        if len(batch) == 1:
            return [await self._guarded(batch[0], written)]
        creations = [action for action in batch if isinstance(action, Create)]
        if creations:
            return await self._create_all(creations)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._guarded(action, written), name=f"apply {_name(action)}")
                for action in batch
            ]
        return [task.result() for task in tasks]

    async def _create_all(self, batch: Sequence[Create]) -> list[ApiError | None]:
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                created = await self._writer.create_all([action.obj for action in batch])
        except TimeoutError:
            return [self._unanswered()] * len(batch)
        outcomes: list[ApiError | None] = []
        for action, outcome in zip(batch, created, strict=True):
            if isinstance(outcome, ApiError):
                outcomes.append(outcome)
                continue
            outcomes.append(None)
            self._announce(action.then, metadata(outcome).name)
            self._counted(type(action).__name__)
        return outcomes

    async def _guarded(self, action: Action, written: dict[ObjectKey, tuple[str, str]]) -> ApiError | None:
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await self._one(action, written)
        except ApiError as error:
            return error
        except TimeoutError:
            return self._unanswered()
        self._counted(type(action).__name__)
        return None

    def _unanswered(self) -> ApiError:
        return ApiTimeout(f"no answer to a write within {self._settings.write_timeout_s:g} s")

    async def _one(self, action: Action, written: dict[ObjectKey, tuple[str, str]]) -> None:
        match action:
            case Create():
                self._announce(action.then, metadata(await self._writer.create(action.obj)).name)
            case Update():
                await self._check_absent(action.unless)
                await self._write(self._writer.update, action.obj, written)
                self._announce(action.then, metadata(action.obj).name)
            case UpdateStatus():
                await self._write(self._writer.update_status, action.obj, written)
            case Delete():
                await self._delete(action)
            case Record():
                self._recorder.record(action.subject, action.type, action.reason, action.message)
            case RequeueAfter():
                pass

    async def _check_absent(self, instances: Sequence[Instance]) -> None:
        for one in instances:
            key = one.key
            if await self._writer.exists(_KINDS[key.kind], key.namespace, key.name, one.uid):
                raise Conflict(f"{key} exists and the cache does not know it yet")

    async def _delete(self, action: Delete) -> None:
        key = action.key
        await self._check_absent(action.unless)
        try:
            await self._writer.delete(_KINDS[key.kind], key.namespace, key.name, action.options)
        except NotFound:
            return
        self._announce(action.then, key.name)

    async def _write(
        self,
        write: Callable[[Message], Awaitable[Message]],
        obj: Message,
        written: dict[ObjectKey, tuple[str, str]],
    ) -> None:
        """Update an object, perhaps for the second time in one decision (spec, then status): between the two
        nobody else wrote, else the first had been refused, so the second may follow on from its version."""
        key, base = key_of(obj), metadata(obj).resourceVersion
        follows, version = written.get(key, ("", ""))
        if base and follows == base:
            obj = copy_of(obj)
            metadata(obj).resourceVersion = version
        written[key] = (base, metadata(await write(obj)).resourceVersion)

    def _announce(self, event: Record | None, name: str) -> None:
        if event is not None:
            message = event.message.replace("{name}", name)
            self._recorder.record(event.subject, event.type, event.reason, message)


def _name(action: Action) -> str:
    return type(action).__name__
