"""What a watch begins with, by the version it asks for, at a replica whose cache is behind; and its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from control_plane.api.settings import ApiSettings
from control_plane.api.watching.events import INITIAL_EVENTS_END
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import CONFIG_MAP
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.stores import Cut
from tests.support.virtual import on_virtual_time

REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
SETTINGS = ApiSettings(list_page=2, watch_batch=2)
Told = list[tuple[str, str]]  # type of event, name of object or reason of error


async def add(world: ApiWorld, name: str, app: str = "web") -> str:
    """The version of a new object."""
    obj = core.ConfigMap()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.labels["app"] = name, "default", app
    return (await world.api.create(CONFIG_MAP, "default", obj, OPTIONS)).obj.metadata.resourceVersion  # type: ignore[attr-defined, no-any-return]


async def watched(world: ApiWorld, **fields: Any) -> list[wire.WatchEvent]:
    """All events of a watch of one second."""
    request = wire.WatchRequest(reference=REFERENCE, timeout_seconds=1, **fields)
    return [event async for batch in world.reads.watch(request) for event in batch.events]


def told(events: list[wire.WatchEvent]) -> Told:
    found = []
    for event in events:
        name = event.status.reason or core.ConfigMap.FromString(event.object).metadata.name
        found.append((wire.WatchEvent.Type.Name(event.type), name))
    return found


@asynccontextmanager
async def behind() -> AsyncIterator[tuple[ApiWorld, str, str]]:
    """A replica that has not heard of the last of three objects; the versions of the first and the last."""
    backend, faults = MemoryBackend(), Cut()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as world,
        api_world(MemoryStore(backend, faults), settings=SETTINGS) as other,
    ):
        first = await add(world, "a")
        known = await add(world, "b", "db")
        await other.objects.seen(int(known), CONFIG_MAP)
        faults.cut = True
        yield other, first, await add(world, "c")


ADDED = [("ADDED", name) for name in "abc"]
END = ("BOOKMARK", "")
BEGINNINGS: dict[str, tuple[dict[str, Any], Told]] = {
    "as it is now": ({}, ADDED),
    "as the cache has it": ({"resource_version": "0"}, ADDED[:2]),
    "with an end": ({"send_initial_events": True}, [*ADDED, END]),
    "from the cache, with an end": (
        {"send_initial_events": True, "resource_version": "0"},
        [*ADDED[:2], END],
    ),
    "selected": ({"label_selector": "app=web"}, [ADDED[0], ADDED[2]]),
}


@pytest.mark.parametrize(("fields", "expected"), BEGINNINGS.values(), ids=BEGINNINGS)
def test_beginnings(fields: dict[str, Any], expected: Told) -> None:
    async def scenario() -> None:
        async with behind() as (world, _, _):
            events = await watched(world, **fields)
            assert told(events) == expected
            if expected[-1] is END:
                end = core.ConfigMap.FromString(events[-1].object).metadata
                assert dict(end.annotations) == {INITIAL_EVENTS_END: "true"}

    on_virtual_time(scenario())


def test_initial_events_are_not_older_than_asked_for() -> None:
    async def scenario() -> None:
        async with behind() as (world, first, last):
            for version, expected in (
                (first, [*ADDED[:2], END]),  # which the cache has
                (last, [*ADDED, END]),
                (str(int(last) + 10**6), [("ERROR", "Timeout")]),
            ):
                events = await watched(world, send_initial_events=True, resource_version=version)
                assert told(events) == expected

    on_virtual_time(scenario())


def test_a_watch_that_asked_for_bookmarks_ends_with_one() -> None:
    async def scenario() -> None:
        async with api_world() as world:
            version = await add(world, "a")
            newest = await add(world, "b", "db")
            (last,) = await watched(world, resource_version=version, label_selector="app=web", bookmarks=True)
            assert (last.type, last.resource_version) == (wire.WatchEvent.BOOKMARK, newest)

    on_virtual_time(scenario())
