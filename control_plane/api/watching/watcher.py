"""Watches as clients ask for them: from a version, with selectors, bookmarks and an end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.reading import Selection
from control_plane.api.settings import ApiSettings
from control_plane.api.watching.history import History
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordChange
from control_plane.store.interface import Change, CompactedError, Store
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Expired
from knarr.proto.services import object_service_pb2 as wire

ADDED, MODIFIED, DELETED = wire.WatchEvent.ADDED, wire.WatchEvent.MODIFIED, wire.WatchEvent.DELETED


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch. BOOKMARK has no object, only the version reached."""

    type: "wire.WatchEvent.Type.ValueType"
    obj: Message | None
    version: int


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch is asked for."""

    resource_version: str = ""
    bookmarks: bool = False
    send_initial_events: bool = False


class Watches:
    """All watches of this process; fed by the cache."""

    def __init__(
        self, store: Store, objects: CachedObjects, kinds: Sequence[Kind], settings: ApiSettings
    ) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings
        self._histories = {kind.name: History(settings) for kind in kinds}
        self._kinds = kinds

    async def run(self) -> None:
        """Follow the cache until cancelled."""
        await self._objects.synced()
        ends = []
        try:
            for kind in self._kinds:
                history = self._histories[kind.name]
                history.begin(self._objects.version(kind))
                taker = RecordTaker(history, self._objects.version(kind))
                ends.append(self._objects.subscribe_records(kind, taker))
            await asyncio.Event().wait()
        finally:
            for end in ends:
                end()

    async def watch(self, wanted: Selection, options: WatchOptions) -> AsyncIterator[list[Event]]:
        """Events in batches, for ever. Raises BadRequest, Expired (too old, or the watcher too slow)."""
        await self._objects.synced()
        text = options.resource_version
        if text and not text.isdigit():
            raise BadRequest(f"Invalid value: {text!r}: resourceVersion must be a number")
        version = int(text or 0)
        if version == 0 or options.send_initial_events:
            version = self._objects.version(wanted.kind)
            for batch in self._existing(wanted):
                yield batch
            if options.send_initial_events:
                yield [Event(wire.WatchEvent.BOOKMARK, None, version)]
        history = self._histories[wanted.kind.name]
        if history.covers(version):
            source = self._recent(wanted, history, version, bookmarks=options.bookmarks)
        else:
            source = self._stored(wanted, version)
        async for batch in source:
            yield batch

    def _existing(self, wanted: Selection) -> list[list[Event]]:
        size = self._settings.watch_batch
        found = []
        for record in self._objects.records(wanted.kind, wanted.namespace or None):
            obj = self._objects.message(wanted.kind, record)
            if wanted.matches(obj):
                found.append(Event(ADDED, obj, record.version))
        return [found[start : start + size] for start in range(0, len(found), size)]

    async def _recent(
        self, wanted: Selection, history: History, version: int, *, bookmarks: bool
    ) -> AsyncIterator[list[Event]]:
        follower = history.follow(version)
        try:
            while True:
                try:
                    async with asyncio.timeout(self._settings.bookmark_s):
                        changes = await follower.take(self._settings.watch_batch)
                except TimeoutError:
                    if bookmarks:
                        yield [Event(wire.WatchEvent.BOOKMARK, None, version)]
                    continue
                if changes is None:
                    raise Expired(
                        "the watch was too slow: more changes are waiting than are kept; list again"
                    )
                version = max(version, changes[-1].version)
                events = [event for change in changes if (event := _event(wanted, change)) is not None]
                if events:
                    yield events
        finally:
            history.leave(follower)

    async def _stored(self, wanted: Selection, version: int) -> AsyncIterator[list[Event]]:
        """From the store itself, for a version before what is remembered here."""
        try:
            async for changes in self._store.watch(wanted.prefix, version):
                events = [event for change in changes if (event := _stored_event(wanted, change)) is not None]
                if events:
                    yield events
        except CompactedError as error:
            raise refusals.expired(version, error.oldest) from error


class RecordTaker:
    """Hands a kind's changes to its history, without those that a subscription begins with."""

    def __init__(self, history: History, version: int) -> None:
        self._history = history
        self._version = version

    def __call__(self, changes: Sequence[RecordChange]) -> None:
        newer = [change for change in changes if change.version > self._version]
        if newer:
            self._history.push(newer)


def _event(wanted: Selection, change: RecordChange) -> Event | None:
    record = change.current or change.previous
    assert record is not None
    if wanted.namespace and record.namespace != wanted.namespace:
        return None
    return _transition(wanted, change.old, change.new, change.version)


def _stored_event(wanted: Selection, change: Change) -> Event | None:
    message = wanted.kind.message
    old = message.FromString(change.previous) if change.previous is not None else None
    new = message.FromString(change.value) if change.value is not None else None
    return _transition(wanted, old, new, change.version)


def _transition(wanted: Selection, old: Message | None, new: Message | None, version: int) -> Event | None:
    """What a change is to a watcher: an object that stops to match is deleted, one that starts is added."""
    before = old is not None and wanted.matches(old)
    after = new is not None and wanted.matches(new)
    if after and new is not None:
        return _versioned(MODIFIED if before else ADDED, new, version)
    if before and old is not None:
        return _versioned(DELETED, old, version)
    return None


def _versioned(type_: "wire.WatchEvent.Type.ValueType", obj: Message, version: int) -> Event:
    obj.metadata.resourceVersion = str(version)  # type: ignore[attr-defined]  # every served kind has it
    return Event(type_, obj, version)
