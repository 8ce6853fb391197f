"""List, then watch; resume; and list again when the servers have forgotten where the watch stood.

Whoever follows sees every object and every deletion, however often the connection was lost: only states
between two that it sees may be skipped.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from sys import intern
from typing import TypeVar

from google.protobuf.message import Message

from knarr.backoff import Backoff
from knarr.client.known import Known, Seen, Step
from knarr.client.references import metadata_of
from knarr.client.streams import LOST, Batches, resumed
from knarr.errors import Expired
from knarr.proto.services import object_service_pb2 as wire

T = TypeVar("T")
M = TypeVar("M", bound=Message)

Trim = Callable[[M], object]
"""Takes off an object, in place, what nobody here reads."""

SLICE = 200  # objects handled before others run


@dataclass(frozen=True, slots=True)
class Source:
    """Where objects come from: a list of them with its version, and a watch from a version on."""

    list: Callable[[], Awaitable[tuple[Sequence[Seen], str]]]
    watch: Callable[[str], Batches]
    read: Callable[[wire.WatchEvent], Seen]


@dataclass(frozen=True, slots=True)
class Progress:
    """Some steps, and how far that is: `version` is "" in the middle of a list, and `listed` at its end says
    that all that exists is known."""

    steps: Sequence[Step]
    version: str
    listed: bool


async def progress(
    source: Source, known: Known, patience_s: float, rng: random.Random
) -> AsyncGenerator[Progress, None]:
    """Keep `known` up to date and tell each step, for ever. Raises what `resumed` raises but Expired."""
    loop = asyncio.get_running_loop()
    backoff = Backoff(rng, 0.1, 5.0)
    failing_since: float | None = None
    while True:
        began = loop.time()
        try:
            listed, version = await source.list()
        except LOST:
            failing_since = began if failing_since is None else failing_since
            if loop.time() - failing_since >= patience_s:
                raise
            await asyncio.sleep(backoff.next_s())
            continue
        failing_since = None
        async for steps in in_slices(known.replace(listed)):
            yield Progress(steps, "", listed=False)
        yield Progress((), version, listed=True)
        try:
            async with aclosing(resumed(source.watch, version, patience_s, rng)) as stream:
                async for events in stream:
                    backoff.reset()
                    steps = [step for event in events for step in _steps(source, known, event)]
                    yield Progress(steps, events[-1].resource_version, listed=False)
        except Expired:
            # Who is too slow for the changes is not to ask for lists as fast as they come.
            await asyncio.sleep(backoff.next_s())


def _steps(source: Source, known: Known, event: wire.WatchEvent) -> Sequence[Step]:
    if event.type == wire.WatchEvent.BOOKMARK:
        return ()
    seen = source.read(event)
    if event.type == wire.WatchEvent.DELETED:
        return known.drop(seen.key, seen.value)
    return known.put(seen)


async def in_slices(items: Iterable[T]) -> AsyncGenerator[Sequence[T], None]:
    """The items in slices, between which others run."""
    left = iter(items)
    while part := list(islice(left, SLICE)):
        yield part
        await asyncio.sleep(0)


def reader(message: type[M], trim: Trim[M] | None = None) -> Callable[[bytes], Seen]:
    """How to tell which object some bytes are; without what `trim` takes off it."""

    def read(value: bytes) -> Seen:
        obj = message.FromString(value)
        own = metadata_of(obj)
        key, uid = (intern(own.namespace), own.name), own.uid
        if trim is not None:
            trim(obj)
            value = obj.SerializeToString(deterministic=True)  # the same object is always the same bytes
        return Seen(key, uid, value)

    return read


def drop_managed_fields(obj: Message) -> None:
    """Take off who manages which field: often more bytes than all the rest."""
    del metadata_of(obj).managedFields[:]
