"""The store as the API sees it: objects read, compare-and-sets, and what its failures mean to a client.

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
from control_plane.api.messages import decode
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import (
    AmbiguousError,
    CompactedError,
    Failed,
    FutureVersionError,
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
from knarr.deadlines import Deadlines
from knarr.errors import ApiError, Expired, Timeout, Unavailable


@dataclass(frozen=True, slots=True)
class Stored:
    """An object and the version that a compare-and-set of it compares."""

    obj: Message
    version: int
    fresh: bool  # from the store itself; else from the cache, which may be behind


class Records:
    """What is stored, and writes of it that are planned elsewhere."""

    def __init__(
        self, store: Store, objects: CachedObjects, rng: random.Random, settings: ApiSettings
    ) -> None:
        self._store = store
        self._objects = objects
        self._rng = rng
        self._settings = settings
        self._deadlines = Deadlines(settings.store_timeout_s)

    # reads

    def cached(self, kind: Kind, namespace: str, name: str) -> Stored | None:
        """The object as the cache has it: perhaps not the newest."""
        record = self._objects.record(kind, namespace, name)
        if record is None:
            return None
        return Stored(self._objects.message(kind, record), record.version, False)

    async def at(self, key: str) -> Record | None:
        """What is stored under a key now; raises Unavailable."""
        try:
            with self._deadlines.one():
                return await self._store.get(key)
        except (TimeoutError, StoreError) as error:
            raise self._unreadable(error) from error

    async def record(self, kind: Kind, namespace: str, name: str) -> Record:
        """The stored bytes as they are now; raises NotFound, Unavailable."""
        record = await self.at(kind.key(namespace, name))
        if record is None:
            raise refusals.not_found(kind, name)
        return record

    async def newest(self, kind: Kind, namespace: str, name: str) -> Stored:
        """The object as it is now; raises NotFound, Unavailable."""
        return stored(kind, await self.record(kind, namespace, name))

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
        """Part of a consistent list; raises Expired, Unavailable, and Timeout for a version of the future."""
        try:
            with self._deadlines.one():
                return await self._store.list(prefix, limit=limit, after=after, version=version)
        except CompactedError as error:
            raise Expired("The resourceVersion for the provided list is too old.") from error
        except FutureVersionError as error:
            raise refusals.too_large_version(version) from error
        except (TimeoutError, StoreError) as error:
            raise self._unreadable(error) from error

    # writes

    async def write_all(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Compare-and-sets with their outcomes. What the store does not confirm is looked for."""
        if not writes:
            return ()
        try:
            with self._deadlines.one():
                outcomes = list(await self._store.write(writes))
        except TimeoutError:
            outcomes = [Failed(AmbiguousError("no answer in time"))] * len(writes)
        except StoreError as error:
            outcomes = [Failed(error)] * len(writes)
        unsure = [index for index, outcome in enumerate(outcomes) if _is_ambiguous(outcome)]
        if unsure:
            found = await self.settle_all([writes[index] for index in unsure])
            for index, outcome in zip(unsure, found, strict=True):
                outcomes[index] = outcome
        return outcomes

    async def settle_all(self, writes: Sequence[Write]) -> list[Outcome]:
        """The outcomes of writes that the store did not confirm, each looked for by its key; the versions of
        what was done with a write are left out."""
        return list(await asyncio.gather(*map(self._settled, writes)))

    async def wait_seen(self, kind: Kind, version: int) -> None:
        """Wait until the cache shows a write; after a while the write is simply not shown yet."""
        try:
            await self._objects.seen(version, kind)
        except TimeoutError:
            return

    async def pause(self, attempt: int) -> None:
        """Between two tries of a write that met another one."""
        longest_s = min(self._settings.retry_longest_s, self._settings.retry_s * 2**attempt)
        await asyncio.sleep(longest_s * (0.5 + self._rng.random() / 2))

    async def _settled(self, write: Write) -> Outcome:
        """The outcome of a write that the store did not confirm. Only a write that shows is certain: one that
        does not show yet may still be on its way."""
        with contextlib.suppress(TimeoutError, StoreError):
            async with asyncio.timeout(self._settings.settle_timeout_s):
                record = await self._store.get(write.key)
            if record is not None and record.value == write.value:
                return Written(record.version)
        return Failed(AmbiguousError("the write was not confirmed"))

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


def stored(kind: Kind, record: Record) -> Stored:
    return Stored(decode(kind, record.value, record.version), record.version, True)
