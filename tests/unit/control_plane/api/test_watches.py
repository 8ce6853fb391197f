"""Watches on a store in memory: what each watcher is told, from where, and when it is cut off."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from control_plane.api.settings import ApiSettings
from control_plane.api.watching.hub import WOKEN, Feed
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import DeleteOptions
from control_plane.objects.records import CachedRecord, RecordChange, RecordReader
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import CONFIG_MAP, Kind
from knarr.errors import from_status
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.stores import Cut
from tests.support.virtual import on_virtual_time
from tests.support.waiting import until

REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
SETTINGS = ApiSettings(bookmark_s=0.02, watch_batch=4)
Told = tuple[str, str, str]  # type, name, value of the data or reason of the error


async def put(world: ApiWorld, name: str, value: str = "", namespace: str = "default", **labels: str) -> str:
    """Create or replace; the new version."""
    obj = core.ConfigMap(data={"v": value})
    obj.metadata.name, obj.metadata.namespace = name, namespace
    obj.metadata.labels.update(labels)
    if world.objects.get(core.ConfigMap, namespace, name) is None:
        result = await world.api.create(CONFIG_MAP, namespace, obj, OPTIONS)
    else:
        result = await world.api.update(CONFIG_MAP, namespace, obj, OPTIONS)
    return result.obj.metadata.resourceVersion  # type: ignore[attr-defined, no-any-return]


async def drop(world: ApiWorld, name: str) -> None:
    await world.api.delete(CONFIG_MAP, "default", name, DeleteOptions())


class Watching:
    """One watch and all that it was told."""

    def __init__(self, world: ApiWorld, request: wire.WatchRequest) -> None:
        self.events: list[wire.WatchEvent] = []
        self.task = asyncio.create_task(self._run(world, request), name="watching")

    async def _run(self, world: ApiWorld, request: wire.WatchRequest) -> None:
        async for batch in world.reads.watch(request):
            self.events += batch.events

    @property
    def told(self) -> list[Told]:
        return [_told(event) for event in self.events if event.type != wire.WatchEvent.BOOKMARK]

    async def until_told(self, wanted: list[Told]) -> None:
        with contextlib.suppress(AssertionError):
            await until(lambda: len(self.told) >= len(wanted), "events", 5)
        assert self.told == wanted


def _told(event: wire.WatchEvent) -> Told:
    type_ = wire.WatchEvent.Type.Name(event.type)
    if event.type == wire.WatchEvent.ERROR:
        return type_, "", event.status.reason
    obj = core.ConfigMap.FromString(event.object)
    assert obj.metadata.resourceVersion == event.resource_version
    return type_, obj.metadata.name, obj.data["v"]


@contextlib.asynccontextmanager
async def watching(world: ApiWorld, **fields: Any) -> AsyncIterator[Watching]:
    """A watch that ends with the context."""
    watch = Watching(world, wire.WatchRequest(reference=REFERENCE, **fields))
    try:
        yield watch
    finally:
        watch.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch.task


async def begun(world: ApiWorld, count: int = 1) -> None:
    """Wait until so many watches follow."""
    await until(lambda: world.watches.watchers(CONFIG_MAP) == count, "watchers")
    await asyncio.sleep(0)


async def test_from_nothing_a_watch_begins_with_what_exists() -> None:
    async with api_world(settings=SETTINGS) as world:
        for number in range(6):
            await put(world, f"c{number}", str(number))
        async with watching(world) as watch:
            await watch.until_told([("ADDED", f"c{number}", str(number)) for number in range(6)])
            await put(world, "c3", "new")
            await drop(world, "c0")
            await put(world, "c9", "9")
            await watch.until_told(
                [("ADDED", f"c{number}", str(number)) for number in range(6)]
                + [("MODIFIED", "c3", "new"), ("DELETED", "c0", "0"), ("ADDED", "c9", "9")]
            )


async def test_a_watch_goes_on_after_a_version() -> None:
    async with api_world(settings=SETTINGS) as world:
        await put(world, "a", "1")
        version = await put(world, "a", "2")
        await put(world, "a", "3")
        async with watching(world, resource_version=version) as watch:
            await watch.until_told([("MODIFIED", "a", "3")])


async def test_other_namespaces_and_labels_are_not_told() -> None:
    async with api_world(settings=SETTINGS) as world, watching(world, label_selector="app=web") as watch:
        await begun(world)
        await put(world, "a", namespace="kube-system", app="web")
        await put(world, "b", app="db")
        await put(world, "c", app="web")
        await watch.until_told([("ADDED", "c", "")])


async def test_an_object_that_stops_to_match_is_deleted_for_the_watcher() -> None:
    async with api_world(settings=SETTINGS) as world, watching(world, label_selector="app=web") as watch:
        await begun(world)
        await put(world, "a", "1", app="db")
        await put(world, "a", "2", app="web")
        await put(world, "a", "3", app="web", more="x")
        await put(world, "a", "4", app="db")
        await drop(world, "a")
        await watch.until_told([("ADDED", "a", "2"), ("MODIFIED", "a", "3"), ("DELETED", "a", "3")])


async def test_one_object_is_watched_by_its_name() -> None:
    async with (
        api_world(settings=SETTINGS) as world,
        watching(world, field_selector="metadata.name=b") as watch,
    ):
        await begun(world)
        await put(world, "a")
        await put(world, "b", "1")
        await watch.until_told([("ADDED", "b", "1")])


async def test_initial_events_end_with_a_bookmark_that_says_so() -> None:
    async with api_world(settings=SETTINGS) as world:
        await put(world, "a", "1")
        async with watching(world, send_initial_events=True) as watch:
            await until(lambda: len(watch.events) == 2, "events")
            assert watch.told == [("ADDED", "a", "1")]
            bookmark = core.ConfigMap.FromString(watch.events[1].object)
            assert bookmark.metadata.annotations["k8s.io/initial-events-end"] == "true"
            assert int(bookmark.metadata.resourceVersion) >= int(watch.events[0].resource_version)


async def test_a_quiet_watch_gets_bookmarks_from_which_it_can_go_on() -> None:
    async with api_world(settings=SETTINGS) as world:
        version = await put(world, "a", "1", app="db")
        async with watching(
            world, label_selector="app=web", resource_version=version, bookmarks=True
        ) as watch:
            await begun(world)
            newest = await put(world, "b", "2", app="db")
            await until(lambda: any(event.resource_version == newest for event in watch.events), "a bookmark")
            assert watch.told == []
        async with watching(world, resource_version=newest) as again:
            await put(world, "c", "3")
            await again.until_told([("ADDED", "c", "3")])


async def test_without_asking_there_are_no_bookmarks_and_time_ends_a_watch() -> None:
    async with api_world(settings=SETTINGS) as world:
        async with watching(world, timeout_seconds=1) as watch:
            await asyncio.wait_for(watch.task, 5)
            assert watch.events == []
        assert world.watches.watchers(CONFIG_MAP) == 0


@pytest.mark.parametrize("history", [4, 8])
async def test_a_slow_watcher_is_cut_off(history: int) -> None:
    settings = replace(SETTINGS, watch_history=history)
    async with api_world(settings=settings) as world:
        version = await put(world, "a", "0")
        request = wire.WatchRequest(reference=REFERENCE, resource_version=version)
        slow = world.reads.watch(request)
        await put(world, "a", "1")
        first = await anext(slow)
        assert [_told(event) for event in first.events] == [("MODIFIED", "a", "1")]
        for number in range(3 * history):
            await put(world, "a", f"x{number}")
        (last,) = (await anext(slow)).events
        assert (last.type, last.status.reason, last.status.code) == (wire.WatchEvent.ERROR, "Expired", 410)
        assert "too slow" in last.status.message
        with pytest.raises(StopAsyncIteration):
            await anext(slow)


async def test_what_the_ring_forgot_the_store_still_has() -> None:
    settings = replace(SETTINGS, watch_history=4)
    async with api_world(settings=settings) as world:
        version = await put(world, "a", "0")
        for number in range(1, 30):
            await put(world, "a", str(number))
        async with watching(world, resource_version=version) as watch:
            await watch.until_told([("MODIFIED", "a", str(number)) for number in range(1, 30)])
            await put(world, "b", "new")
            await drop(world, "a")
            await watch.until_told(
                [("MODIFIED", "a", str(number)) for number in range(1, 30)]
                + [("ADDED", "b", "new"), ("DELETED", "a", "29")]
            )


async def test_a_server_that_has_just_started_goes_on_from_an_older_version() -> None:
    backend = MemoryBackend()
    async with api_world(MemoryStore(backend), settings=SETTINGS) as before:
        version = await put(before, "a", "0")
        await put(before, "a", "1")
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as world,
        watching(world, resource_version=version, bookmarks=True) as watch,
    ):
        await watch.until_told([("MODIFIED", "a", "1")])
        await until(lambda: any(event.type == wire.WatchEvent.BOOKMARK for event in watch.events), "one")
        await put(world, "a", "2")
        await watch.until_told([("MODIFIED", "a", "1"), ("MODIFIED", "a", "2")])


async def test_a_version_that_the_store_forgot_is_expired() -> None:
    backend = MemoryBackend()
    async with api_world(MemoryStore(backend), settings=SETTINGS) as before:
        version = await put(before, "a", "0")
        for number in range(5):
            newest = await put(before, "a", str(number + 1))
        await before.store.compact(int(newest))
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as world,
        watching(world, resource_version=version) as watch,
    ):
        await watch.until_told([("ERROR", "", "Expired")])


async def test_a_list_that_is_ahead_of_the_cache_is_not_told_again() -> None:
    """Another replica wrote, this one's cache has not seen it, and a client lists and then watches."""
    backend = MemoryBackend()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as world,
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as other,
    ):
        await put(world, "a", "1")
        blocked = asyncio.Event()
        world.store.faults = _WatchStops(blocked)  # type: ignore[attr-defined]
        await put(other, "a", "2")
        await put(other, "b", "1")
        chunks = [chunk async for chunk in world.reads.list(wire.ListRequest(reference=REFERENCE))]
        async with watching(world, resource_version=chunks[-1].resource_version) as watch:
            await begun(world)
            blocked.set()
            await put(world, "c", "1")
            await watch.until_told([("ADDED", "c", "1")])


class _WatchStops:
    """Deliveries to the cache wait."""

    def __init__(self, until_set: asyncio.Event) -> None:
        self._until = until_set

    async def before(self, operation: Any, subject: str) -> None:
        if operation.value == "watch":
            await self._until.wait()

    def after_write(self, subject: str) -> None:
        return None


async def test_a_thousand_watchers_are_told_the_same() -> None:
    async with api_world(settings=replace(SETTINGS, watch_batch=128)) as world:
        requests = [wire.WatchRequest(reference=REFERENCE, resource_version="1") for _ in range(1_000)]
        watches = [Watching(world, request) for request in requests]
        await begun(world, 1_000)
        for number in range(5):
            await put(world, f"c{number}")
        await until(lambda: all(len(watch.events) == 5 for watch in watches), "all events")
        for watch in watches:
            watch.task.cancel()
        await asyncio.wait([watch.task for watch in watches])


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "9" * 40])
async def test_versions_that_are_none(version: str) -> None:
    async with api_world(settings=SETTINGS) as world, watching(world, resource_version=version) as watch:
        await watch.until_told([("ERROR", "", "BadRequest")])
        assert "resourceVersion" in from_status(watch.events[0].status).message


async def test_a_watch_as_a_table() -> None:
    async with api_world(settings=SETTINGS) as world:
        await put(world, "a", "1")
        async with watching(world, as_table=True) as watch:
            await until(lambda: len(watch.events) == 1, "the row")
            await put(world, "b", "2")
            await until(lambda: len(watch.events) == 2, "the change")
        first, second = (event.table for event in watch.events)
        assert [column.name for column in first.columns] == ["Name", "Data", "Age"]
        assert not second.columns
        assert [row.cells[0] for row in (*first.rows, *second.rows)] == ["a", "b"]


class FakeCache:
    """What a feed needs of the cache, by hand."""

    def __init__(self) -> None:
        self.tell: Callable[[list[RecordChange]], None] = lambda changes: None

    def version(self, kind: Kind) -> int:
        return 1

    def subscribe_records(self, kind: Kind, handler: Any, gap: Any) -> Callable[[], None]:
        self.tell = handler
        return lambda: None


async def test_no_bookmark_passes_by_a_change_that_comes_when_time_is_up() -> None:
    cache = FakeCache()
    feed = Feed(cast(CachedObjects, cache), CONFIG_MAP, ApiSettings())
    feed.start()
    place = feed.ring.end
    waiting = asyncio.create_task(feed.news(place, 0))
    await asyncio.sleep(0)  # it waits now, and its time is up
    cache.tell([RecordChange(RecordReader(CONFIG_MAP), 2, CachedRecord("n", "c", b"", 2, (), ""), None)])
    assert await waiting


def test_a_cache_that_missed_changes_ends_its_watches() -> None:
    async def scenario() -> None:
        backend, faults = MemoryBackend(), Cut()
        async with (
            api_world(MemoryStore(backend)) as world,
            api_world(MemoryStore(backend, faults)) as other,
        ):
            version = await put(world, "a", "0")
            await other.objects.seen(int(version), CONFIG_MAP)
            async with watching(other, resource_version=version) as told:
                faults.cut = True
                for name in ("b", "c"):
                    await put(world, name)
                    await drop(world, name)
                await drop(world, "a")
                await world.store.compact((await world.store.list("/")).version)
                faults.cut = False
                await until(lambda: bool(told.events), "the watch has ended")
                assert [(event.type, event.status.code) for event in told.events] == [
                    (wire.WatchEvent.ERROR, 410)
                ]

    on_virtual_time(scenario())


async def test_watches_of_one_kind_are_woken_in_slices() -> None:
    cache = FakeCache()
    feed = Feed(cast(CachedObjects, cache), CONFIG_MAP, ApiSettings())
    feed.start()
    woken = 0

    async def watch() -> None:
        nonlocal woken
        assert await feed.news(feed.ring.end, 60.0)
        woken += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(5 * WOKEN):
            tasks.create_task(watch(), name="watch")
        await asyncio.sleep(0)
        cache.tell([RecordChange(RecordReader(CONFIG_MAP), 2, CachedRecord("n", "c", b"", 2, (), ""), None)])
        steps = []
        while woken < 5 * WOKEN:
            before = woken
            await asyncio.sleep(0)
            steps.append(woken - before)
    assert max(steps) <= WOKEN


async def test_many_watches_of_busy_objects_are_told_every_change_once_and_in_order() -> None:
    changes = 60
    async with api_world(settings=SETTINGS) as world:
        request = wire.WatchRequest(
            reference=REFERENCE, resource_version=str(world.objects.version(CONFIG_MAP))
        )

        async def follow() -> list[str]:
            seen: list[str] = []
            async for batch in world.reads.watch(request):
                seen += [core.ConfigMap.FromString(event.object).metadata.name for event in batch.events]
                if len(seen) >= changes:
                    break
            return seen

        watches = [asyncio.create_task(follow(), name="follow") for _ in range(4 * WOKEN)]
        await until(lambda: world.watches.watchers(CONFIG_MAP) == len(watches), "all watch")
        for number in range(changes):
            await put(world, f"c-{number:02}", "1")
        async with asyncio.timeout(30):
            for watch in watches:
                assert await watch == [f"c-{number:02}" for number in range(changes)]
