"""Versioned reading and writing of single objects: compare-and-set, retries, read your writes.

The only part of the API that talks to the store about single objects. Reads come from the cache where a
compare-and-set follows that would notice a stale one, and from the store where the answer must be the newest.
"""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import decode, encode, metadata
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import (
    ABSENT,
    AmbiguousError,
    Outcome,
    Record,
    Refused,
    Store,
    StoreError,
    Write,
    Written,
)
from knarr.api.kinds import Kind
from knarr.errors import ApiError, Timeout, Unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and the version that a compare-and-set of it compares."""

    obj: Message
    version: int


class Storage:
    """Objects in the store, through the cache."""

    def __init__(
        self, store: Store, objects: CachedObjects, rng: random.Random, settings: ApiSettings
    ) -> None:
        self._store = store
        self._objects = objects
        self._rng = rng
        self._settings = settings

    def cached(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        """The object as the cache has it: perhaps not the newest."""
        record = self._objects.record(kind, namespace, name)
        if record is None:
            return None
        return Stored(self._objects.message(kind, record), record.version)

    async def newest(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The object as it is; raises NotFound, Unavailable."""
        record = await self.within(self._store.get(kind.key(namespace, name)))
        if record is None:
            raise refusals.not_found(kind, name)
        return _stored(kind, record)

    async def likely(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The object from the cache or, when it is not there, from the store; raises NotFound."""
        return self.cached(kind, namespace, name) or await self.newest(kind, namespace, name)

    async def create(self, kind: Kind, obj: Message) -> Message:
        """Store a new object; raises AlreadyExists, TooLarge."""
        outcome = await self._write(kind, obj, ABSENT)
        if isinstance(outcome, Refused):
            deleting = outcome.current is not None and metadata(_stored(kind, outcome.current).obj).HasField(
                "deletionTimestamp"
            )
            raise refusals.already_exists(kind, metadata(obj).name, deleting=deleting)
        return await self._seen(kind, obj, outcome)

    async def replace(self, kind: Kind, obj: Message, version: int) -> Message | Stored | None:
        """Store a changed object if it still has this version. Otherwise what is stored now (None: it is
        gone) is returned, as Stored."""
        outcome = await self._write(kind, obj, version)
        if isinstance(outcome, Refused):
            return _stored(kind, outcome.current) if outcome.current is not None else None
        return await self._seen(kind, obj, outcome)

    async def remove(self, kind: Kind, obj: Message, version: int) -> Stored | None:
        """Remove an object if it still has this version: None. Otherwise what is stored now."""
        own = metadata(obj)
        (outcome,) = await self.write_all([Write(kind.key(own.namespace, own.name), None, version)])
        if isinstance(outcome, Refused):
            return _stored(kind, outcome.current) if outcome.current is not None else None
        await self.wait_seen(kind, _version(outcome))
        return None

    async def write_all(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Compare-and-sets with their outcomes; raises Unavailable when the store does not answer in time."""
        return await self.within(self._store.write(writes))

    async def wait_seen(self, kind: Kind, version: int) -> None:
        """Wait until the cache shows a write; after a while the write is simply not shown yet."""
        try:
            async with asyncio.timeout(self._settings.seen_timeout_s):
                await self._objects.seen(version, kind)
        except TimeoutError:
            return

    async def pause(self, attempt: int) -> None:
        """Between two tries of a write that met another one."""
        longest_s = min(self._settings.retry_longest_s, self._settings.retry_s * 2**attempt)
        await asyncio.sleep(longest_s * (0.5 + self._rng.random() / 2))

    async def within(self, work: Awaitable[T]) -> T:
        """Something of the store's, within the time that a caller can be made to wait; StoreErrors become
        ApiErrors."""
        try:
            async with asyncio.timeout(self._settings.store_timeout_s):
                return await work
        except TimeoutError as error:
            raise Unavailable(
                f"etcd did not answer within {self._settings.store_timeout_s:g} s", retry_after_s=1
            ) from error
        except StoreError as error:
            raise api_error(error) from error

    async def _write(self, kind: Kind, obj: Message, expected: int) -> Outcome:
        own = metadata(obj)
        value = encode(obj)
        if len(value) > self._settings.max_object_bytes:
            raise refusals.too_large(kind, own.name, len(value), self._settings.max_object_bytes)
        (outcome,) = await self.write_all([Write(kind.key(own.namespace, own.name), value, expected)])
        return outcome

    async def _seen(self, kind: Kind, obj: Message, outcome: Outcome) -> Message:
        version = _version(outcome)
        await self.wait_seen(kind, version)
        metadata(obj).resourceVersion = str(version)
        return obj


def api_error(error: StoreError) -> ApiError:
    """What a client is told when the store fails."""
    if isinstance(error, AmbiguousError):
        return Timeout("etcd did not confirm the write, it may have been done; read before you write again")
    return Unavailable(f"etcd cannot be reached: {error}", retry_after_s=1)


def _version(outcome: Outcome) -> int:
    if isinstance(outcome, Written):
        return outcome.version
    assert not isinstance(outcome, Refused)
    raise api_error(outcome.error) from outcome.error


def _stored(kind: Kind, record: Record) -> Stored:
    return Stored(decode(kind, record.value, record.version), record.version)
