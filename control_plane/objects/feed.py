"""The asynchronous half of the cache for one kind: list, watch, catch up, hand on.

A subscriber that joins late is given what exists in slices, and no change is applied meanwhile: so it sees
everything once and in order, and nothing needs to be queued for it.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import structlog
from google.protobuf.message import DecodeError

from control_plane.objects.progress import Progress
from control_plane.objects.records import CachedRecord, RecordChange, RecordReader
from control_plane.objects.table import KindTable, RecordHandler
from control_plane.store.interface import Change, CompactedError, Record, Store, StoreError
from control_plane.store.paging import next_page
from knarr.api.kinds import Kind
from knarr.backoff import Backoff

PAGE = 500  # records of the first request of a list
SLICE = 200  # changes applied and handed on before others run

log = structlog.get_logger(__name__)


Gap = Callable[[bool], None]


class _Subscriber:
    """A handler, and what it has yet to be given of what existed when it came."""

    __slots__ = ("_existing", "gap", "handler")

    def __init__(self, handler: RecordHandler, gap: Gap | None, existing: list[CachedRecord]) -> None:
        self.handler = handler
        self.gap = gap
        existing.reverse()
        self._existing = existing  # last first

    @property
    def unfilled(self) -> bool:
        return bool(self._existing)

    def fill(self, reader: RecordReader) -> None:
        """Hand on one slice of what existed."""
        part = self._existing[: -SLICE - 1 : -1]
        del self._existing[-SLICE:]
        if part:
            self.handler([RecordChange(reader, record.version, record, None) for record in part])

    def end(self) -> None:
        self._existing = []


class Feed:
    """One kind's table, kept up to date."""

    def __init__(self, store: Store, kind: Kind, progress: Progress, rng: random.Random) -> None:
        self.table = KindTable(kind)
        self._store = store
        self._kind = kind
        self._progress = progress
        self._backoff = Backoff(rng)
        self._subscribers: list[_Subscriber] = []
        self._filling = asyncio.Event()  # some subscriber has existing records to come
        self._filled = asyncio.Condition()
        self._listed = False

    async def run(self) -> None:
        """Follow the store until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._fill_late(), name=f"cache-fill-{self._kind.name}")
            while True:
                try:
                    await self._list()
                    await self._follow()
                except CompactedError as error:
                    log.info("watch_was_compacted", kind=self._kind.name, asked=error.asked)
                except StoreError as error:
                    log.warning("list_failed", kind=self._kind.name, error=str(error))
                    await asyncio.sleep(self._backoff.next_s())

    async def synced(self) -> None:
        """Return once the first list and all subscribers that came since are complete."""
        async with self._filled:
            await self._filled.wait_for(lambda: self._listed and not self._unfilled())

    def subscribe(self, handler: RecordHandler, gap: Gap | None = None) -> Callable[[], None]:
        """Hand on what exists, the first slice of it at once, then every change. `gap` is called with True
        when changes have been missed, before the difference, and with False after it."""
        existing = self.table.find(None, None, None)
        subscriber = _Subscriber(handler, gap, existing)
        self._subscribers.append(subscriber)
        subscriber.fill(self.table.reader)
        if subscriber.unfilled:
            self._filling.set()

        def end() -> None:
            subscriber.end()
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return end

    async def _list(self) -> None:
        """Bring the table to one moment of the store: at once when empty, else by the difference."""
        first = not self._listed
        listed: set[str] = set()
        newer: list[Record] = []
        after, version, size = "", 0, PAGE
        while True:
            page = await self._store.list(self._kind.prefix, limit=size, after=after, version=version)
            version, size = page.version, next_page(size, page.records)
            if first:
                await self._apply([_put(record) for record in page.records], 0)
            else:
                newer += filter(self.table.stale, page.records)
            listed.update(record.key for record in page.records)
            if not page.more:
                break
            after = page.records[-1].key
        newer.sort(key=lambda record: record.version)
        changes = [_put(record) for record in newer] + self.table.missing_from(listed, version)
        self._tell_gap(not first)
        await self._apply(changes, version)
        self._tell_gap(False)
        self._backoff.reset()
        self._listed = True
        async with self._filled:
            self._filled.notify_all()

    def _tell_gap(self, begins: bool) -> None:
        for subscriber in tuple(self._subscribers):
            if subscriber.gap is not None:
                subscriber.gap(begins)

    async def _follow(self) -> None:
        """Apply changes as they come; raises CompactedError."""
        while True:
            try:
                watch = self._store.watch(self._kind.prefix, self.table.version)
                async with contextlib.aclosing(watch):
                    async for changes in watch:
                        self._backoff.reset()
                        await self._apply(changes, changes[-1].version)
            except CompactedError:
                raise
            except StoreError as error:
                log.warning("watch_failed", kind=self._kind.name, error=str(error))
            await asyncio.sleep(self._backoff.next_s())

    async def _apply(self, changes: Sequence[Change], upto: int) -> None:
        """Apply and hand on in slices; at the end the table stands at `upto` (0: where it stood)."""
        for start in range(0, len(changes), SLICE):
            await self._all_filled()
            part = changes[start : start + SLICE]
            self._apply_slice(part)
            last = start + SLICE >= len(changes)
            self._advance([change.version for change in part], upto if last else self.table.version)
            if not last:
                await asyncio.sleep(0)
        if not changes:
            self._advance([], upto)

    def _apply_slice(self, changes: Sequence[Change]) -> None:
        applied: list[RecordChange] = []
        for change in changes:
            try:
                record_change = self.table.apply(change)
            except DecodeError:
                log.error("stored_value_was_unreadable", key=change.key, version=change.version)
                continue
            if record_change is not None:
                applied.append(record_change)
        if applied:
            for subscriber in tuple(self._subscribers):
                subscriber.handler(applied)

    def _advance(self, versions: list[int], upto: int) -> None:
        self.table.version = max(self.table.version, upto)
        self._progress.applied(versions, self._kind.name, self.table.version)

    def _unfilled(self) -> list[_Subscriber]:
        return [subscriber for subscriber in self._subscribers if subscriber.unfilled]

    async def _all_filled(self) -> None:
        if self._filling.is_set():
            async with self._filled:
                await self._filled.wait_for(lambda: not self._unfilled())

    async def _fill_late(self) -> None:
        while True:
            await self._filling.wait()
            for subscriber in self._unfilled():
                subscriber.fill(self.table.reader)
                await asyncio.sleep(0)
            if not self._unfilled():
                self._filling.clear()
                async with self._filled:
                    self._filled.notify_all()


def _put(record: Record) -> Change:
    return Change(record.key, record.value, record.version, None)
