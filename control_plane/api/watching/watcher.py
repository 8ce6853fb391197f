"""Watches as clients ask for them: from a version, with selectors, bookmarks and an end.

A watch from a version that the ring no longer has is answered by the store until it has caught up with the
ring; one that the store has forgotten too is Expired.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from control_plane.api import refusals
from control_plane.api.reading import parse_version
from control_plane.api.selection import Selection
from control_plane.api.settings import ApiSettings
from control_plane.api.watching.beginning import Existing, from_cache, from_store, in_turns
from control_plane.api.watching.events import Event, bookmark, event_of
from control_plane.api.watching.hub import Feed, Hub
from control_plane.api.watching.ring import Entry
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordChange, RecordReader
from control_plane.store.interface import Change, CompactedError, Store, StoreError
from knarr.api.kinds import Kind
from knarr.errors import Expired, Unavailable

Events = list[Event]
BEGINNING = 4  # watches for which a part of what exists is made at once


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch is asked for."""

    # From after this version. Else what exists comes first: with "0" as the cache has it, with none as it is
    # now, with `send_initial_events` at this version or later.
    resource_version: str = ""
    bookmarks: bool = False
    send_initial_events: bool = False
    timeout_s: float | None = None  # None: for ever


class Watches:
    """All watches of this process; fed by the cache."""

    def __init__(
        self, store: Store, objects: CachedObjects, kinds: Sequence[Kind], settings: ApiSettings
    ) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings
        self._hub = Hub(objects, kinds, settings)
        self._turns = asyncio.Semaphore(BEGINNING)

    async def run(self) -> None:
        """Follow the cache until cancelled."""
        end = self._hub.start()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            end()

    def watchers(self, kind: Kind) -> int:
        """How many watch the kind now."""
        return self._hub.feed(kind).watchers

    def counts(self) -> list[tuple[str, int, int]]:
        """Of each kind: its plural, how many watch it now, and how many ever fell behind."""
        return [(kind.plural, feed.watchers, feed.dropped) for kind, feed in self._hub.feeds()]

    async def watch(self, wanted: Selection, options: WatchOptions) -> AsyncGenerator[Events, None]:
        """Events in batches, until time is up. Raises BadRequest, Expired (the version is too old, or the
        watcher too slow), Unavailable."""
        version = parse_version(options.resource_version)
        feed = self._hub.feed(wanted.kind)
        await self._whole(feed)
        watch = _Watch(wanted, options, feed, self._settings)
        feed.watchers += 1
        try:
            if not version or options.send_initial_events:
                async for batch in self._initial(watch, version):
                    yield batch
                version = watch.since
            if version < feed.floor:
                async with contextlib.aclosing(watch.catch_up(self._store, version)) as behind:
                    async for batch in behind:
                        yield batch
            else:
                watch.begin(version)
            async with contextlib.aclosing(watch.follow()) as following:
                async for batch in following:
                    yield batch
        finally:
            feed.watchers -= 1

    def _initial(self, watch: "_Watch", least: int) -> AsyncIterator[Events]:
        """What exists: as the cache has it where that is enough, and as it is now where nothing is said."""
        kind, text = watch.wanted.kind, watch.options.resource_version
        if text and self._objects.version(kind) >= least:
            parts = from_cache(self._objects, watch.wanted, self._settings.watch_batch)
        else:
            parts = from_store(self._store, watch.wanted, self._settings, least)
        return watch.initial(in_turns(self._turns, parts))

    async def _whole(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(self._settings.store_timeout_s):
                await feed.whole()
        except TimeoutError as error:
            raise Unavailable("the server has not yet read all objects", retry_after_s=1) from error


class _Watch:
    """One watch: its place in the ring and its time."""

    def __init__(self, wanted: Selection, options: WatchOptions, feed: Feed, settings: ApiSettings) -> None:
        self.wanted = wanted
        self.options = options
        self._feed = feed
        self._settings = settings
        self._place = 0
        self.since = 0  # changes up to this version are not for this watcher
        self._loop = asyncio.get_running_loop()
        self._ends_at = None if options.timeout_s is None else self._loop.time() + options.timeout_s

    def begin(self, version: int) -> None:
        """Go on in the ring after a version that it covers; the cache may yet have to come to it."""
        self.since = version
        self._place = self._feed.ring.place_after(version)

    @property
    def _over(self) -> bool:
        return self._ends_at is not None and self._loop.time() >= self._ends_at

    @property
    def _patience_s(self) -> float:
        """How long nothing may happen before a bookmark or the end."""
        longest_s = self._settings.bookmark_s
        if self._ends_at is None:
            return longest_s
        return min(longest_s, max(0.0, self._ends_at - self._loop.time()))

    def _bookmarks(self, version: int) -> Events:
        return [bookmark(self.wanted, version)] if self.options.bookmarks else []

    def _batches(self, events: Events) -> Iterator[Events]:
        """Events in batches of bounded size, each of one at least."""
        batch: Events = []
        size = 0
        for event in events:
            if batch and size + len(event.value) > self._settings.part_bytes:
                yield batch
                batch, size = [], 0
            batch.append(event)
            size += len(event.value)
        if batch:
            yield batch

    async def initial(self, parts: AsyncIterator[Existing]) -> AsyncIterator[Events]:
        """What exists, which is one moment: the changes after it follow."""
        async for part in parts:
            for batch in self._batches(part.events):
                yield batch
            self.since = part.version
        if self.options.send_initial_events:
            yield [bookmark(self.wanted, self.since, initial_end=True)]

    async def catch_up(self, store: Store, version: int) -> AsyncGenerator[Events, None]:
        """From the store, up to where the ring begins. Raises Expired, Unavailable."""
        kind = self.wanted.kind
        reader = RecordReader(kind)
        source = store.watch(kind.prefix, version)
        pending: asyncio.Task[Sequence[Change] | None] | None = None
        try:
            while not self._over:
                if pending is None:
                    pending = asyncio.create_task(_next(source), name=f"watch-catch-up-{kind.plural}")
                await asyncio.wait((pending,), timeout=self._patience_s)
                if not pending.done():
                    if told := self._bookmarks(version):
                        yield told
                    continue
                changes, pending = await pending, None
                if changes is None:
                    raise Unavailable("the store was closed", retry_after_s=1)
                # Whole revisions come together, so the ring goes on exactly behind them.
                version = changes[-1].version
                entries = [Entry(_record_change(reader, each)) for each in changes]
                for batch in self._batches(_events(self.wanted, entries)):
                    yield batch
                if version >= self._feed.floor:
                    self.begin(version)
                    return
        except CompactedError as error:
            raise refusals.expired(version, error.oldest) from error
        except StoreError as error:
            raise Unavailable(f"the store (etcd) cannot be reached: {error}", retry_after_s=1) from error
        finally:
            if pending is not None:
                pending.cancel()
                await asyncio.wait((pending,))
            await source.aclose()

    async def follow(self) -> AsyncGenerator[Events, None]:
        """Changes from the place on, until time is up; raises Expired."""
        feed = self._feed
        while not self._over:
            if not await feed.news(self._place, self._patience_s):
                if told := self._bookmarks(max(self.since, feed.ring.newest)):
                    yield told
                continue
            entries = feed.ring.read(self._place, self._settings.watch_batch, self._settings.part_bytes)
            if entries is None:
                feed.dropped += 1
                raise Expired(
                    "what the watch has yet to tell is no longer kept: it was too slow, or the server "
                    "missed it; list again"
                )
            self._place += len(entries)
            if batch := _events(self.wanted, [each for each in entries if each.version > self.since]):
                yield batch
            else:
                await asyncio.sleep(0)  # a watch to which nothing matters must not hold up the others


async def _next(source: AsyncGenerator[Sequence[Change], None]) -> Sequence[Change] | None:
    return await anext(source, None)


def _events(wanted: Selection, entries: Sequence[Entry]) -> Events:
    return [event for entry in entries if (event := event_of(wanted, entry)) is not None]


def _record_change(reader: RecordReader, change: Change) -> RecordChange:
    before, after = change.previous, change.value
    previous = reader.read(change.key, before, change.version - 1) if before is not None else None
    current = reader.read(change.key, after, change.version) if after is not None else None
    return RecordChange(reader, change.version, current, previous)
