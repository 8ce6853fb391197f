"""Objects in the store: read, compare and set, and what the store's failures mean to a client.

Every wait is bounded. Where a compare-and-set follows that would notice a stale object, the cache is read;
where the answer must be the newest, the store.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import copy, decode, encode, metadata
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import (
    ABSENT,
    AmbiguousError,
    CompactedError,
    Failed,
    Outcome,
    Page,
    Record,
    Refused,
    Store,
    StoreError,
    Write,
    Written,
)
from knarr.api.kinds import Kind
from knarr.errors import ApiError, Expired, Timeout, Unavailable


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and the version that a compare-and-set of it compares."""

    obj: Message
    version: int
    fresh: bool  # from the store itself; else from the cache, which may be behind


class Storage:
    """Objects in the store, through the cache."""

    def __init__(
        self, store: Store, objects: CachedObjects, rng: random.Random, settings: ApiSettings
    ) -> None:
        self._store = store
        self._objects = objects
        self._rng = rng
        self._settings = settings

    # reads

    def cached(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        """The object as the cache has it: perhaps not the newest."""
        record = self._objects.record(kind, namespace, name)
        if record is None:
            return None
        return Stored(self._objects.message(kind, record), record.version, False)

    async def record(self, kind: Kind, namespace: str, name: str) -> Record:
        """The stored bytes as they are now; raises NotFound, Unavailable."""
        try:
            async with asyncio.timeout(self._settings.store_timeout_s):
                record = await self._store.get(kind.key(namespace, name))
        except (TimeoutError, StoreError) as error:
            raise self._unreadable(error) from error
        if record is None:
            raise refusals.not_found(kind, name)
        return record

    async def newest(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The object as it is now; raises NotFound, Unavailable."""
        return _stored(kind, await self.record(kind, namespace, name))

    async def likely(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The object from the cache or, when it is not there, from the store; raises NotFound."""
        return self.cached(kind, namespace, name) or await self.newest(kind, namespace, name)

    async def newest_all(self, kind: Kind, namespace: str) -> list[Message]:
        """All objects of a kind in a namespace as they are now, by name; raises Unavailable."""
        prefix, after, version = f"{kind.prefix}{namespace}/", "", 0
        found: list[Message] = []
        while True:
            page = await self.page(prefix, self._settings.list_page, after, version)
            found += [decode(kind, record.value, record.version) for record in page.records]
            if not page.more:
                return found
            version, after = page.version, page.records[-1].key

    async def page(self, prefix: str, limit: int, after: str, version: int) -> Page:
        """Part of a consistent list; raises Expired, Unavailable."""
        try:
            async with asyncio.timeout(self._settings.store_timeout_s):
                return await self._store.list(prefix, limit=limit, after=after, version=version)
        except CompactedError as error:
            raise Expired(
                "The provided continue parameter is too old to display a consistent list result. "
                "You can start a new list without the continue parameter."
            ) from error
        except (TimeoutError, StoreError) as error:
            raise self._unreadable(error) from error

    # writes

    async def create(self, kind: Kind, obj: Message) -> Message:
        """Store a new object; raises AlreadyExists, TooLarge. The same message, with its version."""
        outcome = await self._write(kind, obj, ABSENT)
        created = _created(kind, obj, outcome)
        await self.wait_seen(kind, written_version(outcome))
        return created

    async def create_all(self, new: Sequence[tuple[Kind, Message]]) -> list[Message | ApiError]:
        """The same of many objects in one request to the store; each its own outcome, in order."""
        results: list[Message | ApiError] = []
        writes: dict[int, Write] = {}
        for index, (kind, obj) in enumerate(new):
            results.append(obj)
            try:
                writes[index] = self._planned(kind, obj, ABSENT)
            except ApiError as error:
                results[index] = error
        outcomes = await self.write_all(list(writes.values()))
        newest: dict[Kind, int] = {}
        for index, outcome in zip(writes, outcomes, strict=True):
            kind, obj = new[index]
            try:
                results[index] = _created(kind, obj, outcome)
                newest[kind] = max(newest.get(kind, 0), written_version(outcome))
            except ApiError as error:
                results[index] = error
        for kind, version in newest.items():
            await self.wait_seen(kind, version)
        return results

    async def replace(self, kind: Kind, obj: Message, version: int) -> Message | Stored | None:
        """Store a changed object if it still has this version: the same message, with its new version.
        Otherwise what is stored now is returned, as Stored, or None when it is gone."""
        outcome = await self._write(kind, obj, version)
        if isinstance(outcome, Refused):
            return _stored(kind, outcome.current) if outcome.current is not None else None
        return await self._seen(kind, obj, outcome)

    async def remove(self, kind: Kind, namespace: str, name: str, version: int) -> int | Stored | None:
        """Remove an object if it still has this version: the version of the removal. Otherwise what is
        stored now is returned, as Stored, or None when it is gone."""
        (outcome,) = await self.write_all([Write(kind.key(namespace, name), None, version)])
        if isinstance(outcome, Refused):
            return _stored(kind, outcome.current) if outcome.current is not None else None
        removed = written_version(outcome)
        await self.wait_seen(kind, removed)
        return removed

    async def write_all(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Compare-and-sets with their outcomes. What the store does not confirm is looked for."""
        if not writes:
            return ()
        try:
            async with asyncio.timeout(self._settings.store_timeout_s):
                outcomes = list(await self._store.write(writes))
        except TimeoutError:
            outcomes = [Failed(AmbiguousError("no answer in time"))] * len(writes)
        except StoreError as error:
            outcomes = [Failed(error)] * len(writes)
        unsure = [index for index, outcome in enumerate(outcomes) if _is_ambiguous(outcome)]
        if unsure:
            found = await asyncio.gather(*(self._settled(writes[index]) for index in unsure))
            for index, outcome in zip(unsure, found, strict=True):
                outcomes[index] = outcome
        return outcomes

    async def wait_seen(self, kind: Kind, version: int) -> None:
        """Wait until the cache shows a write; after a while the write is simply not shown yet."""
        with contextlib.suppress(TimeoutError):
            await self._objects.seen(version, kind)

    async def pause(self, attempt: int) -> None:
        """Between two tries of a write that met another one."""
        longest_s = min(self._settings.retry_longest_s, self._settings.retry_s * 2**attempt)
        await asyncio.sleep(longest_s * (0.5 + self._rng.random() / 2))

    def check_size(self, kind: Kind, obj: Message) -> None:
        """Raises TooLarge for an object that would not be stored."""
        self._encoded(kind, copy(obj))

    def _encoded(self, kind: Kind, obj: Message) -> bytes:
        value, limit = encode(obj), self._settings.max_object_bytes
        if len(value) > limit:
            raise refusals.too_large(kind, metadata(obj).name, len(value), limit)
        return value

    def _planned(self, kind: Kind, obj: Message, expected: int) -> Write:
        """The write that stores an object; raises TooLarge."""
        own = metadata(obj)
        return Write(kind.key(own.namespace, own.name), self._encoded(kind, obj), expected)

    async def _write(self, kind: Kind, obj: Message, expected: int) -> Outcome:
        (outcome,) = await self.write_all([self._planned(kind, obj, expected)])
        return outcome

    async def _settled(self, write: Write) -> Outcome:
        """The outcome of a write that the store did not confirm. Only a write that shows is certain: one that
        does not show yet may still be on its way."""
        with contextlib.suppress(TimeoutError, StoreError):
            async with asyncio.timeout(self._settings.settle_timeout_s):
                record = await self._store.get(write.key)
            if record is not None and record.value == write.value:
                return Written(record.version)
        return Failed(AmbiguousError("the write was not confirmed"))

    async def _seen(self, kind: Kind, obj: Message, outcome: Outcome) -> Message:
        version = written_version(outcome)
        await self.wait_seen(kind, version)
        metadata(obj).resourceVersion = str(version)
        return obj

    def _unreadable(self, error: Exception) -> ApiError:
        if isinstance(error, TimeoutError):
            why = f"the store (etcd) did not answer within {self._settings.store_timeout_s:g} s"
            return Unavailable(f"{why}; nothing was done, try again", retry_after_s=1)
        return Unavailable(f"the store (etcd) cannot be reached: {error}", retry_after_s=1)


def api_error(error: StoreError) -> ApiError:
    """What a client is told when the store refuses to write."""
    if isinstance(error, AmbiguousError):
        return _ambiguous()
    return Unavailable(
        f"the store (etcd) cannot be reached: {error}; nothing was done, try again", retry_after_s=1
    )


def _created(kind: Kind, obj: Message, outcome: Outcome) -> Message:
    """The object with its version; raises AlreadyExists, or what is to be told of a write not done."""
    if isinstance(outcome, Refused):
        current = outcome.current
        deleting = current is not None and metadata(_stored(kind, current).obj).HasField("deletionTimestamp")
        raise refusals.already_exists(kind, metadata(obj).name, deleting=deleting)
    metadata(obj).resourceVersion = str(written_version(outcome))
    return obj


def _is_ambiguous(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and isinstance(outcome.error, AmbiguousError)


def written_version(outcome: Outcome) -> int:
    """The version of a write that was done; raises what is to be told of one that was not."""
    if isinstance(outcome, Written):
        return outcome.version
    assert not isinstance(outcome, Refused)
    raise api_error(outcome.error) from outcome.error


def _ambiguous() -> Timeout:
    return Timeout(
        "the store (etcd) did not confirm the write: it may have been done or not; read the object and "
        "compare its resourceVersion before you write again"
    )


def _stored(kind: Kind, record: Record) -> Stored:
    return Stored(decode(kind, record.value, record.version), record.version, True)
