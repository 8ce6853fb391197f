"""A list and everything that a watch tells after it are a later list: under random writes, selectors,
cut-offs and compactions, on the writing replica and on another one."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import DeleteOptions
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import CONFIG_MAP
from knarr.errors import AlreadyExists, Expired, NotFound, from_status
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.waiting import until

REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
# So small that watches fall behind, and have to go on from the store or begin anew.
SETTINGS = ApiSettings(watch_history=6, watch_batch=3, list_page=3, bookmark_s=0.01)

NAMES = st.sampled_from(["a", "b", "c", "d"])
WRITES = st.one_of(
    st.tuples(st.just("put"), NAMES, st.sampled_from(["web", "db"])),
    st.tuples(st.just("delete"), NAMES, st.just("")),
    st.tuples(st.just("compact"), st.just(""), st.just("")),
    st.tuples(st.just("rest"), st.just(""), st.just("")),
)


@dataclass(slots=True)
class Follower:
    """Keeps a copy as clients do: list, watch, and list again when the watch has expired."""

    world: ApiWorld
    labels: str
    copy: dict[str, str] = field(default_factory=dict)
    reached: int = 0
    lists: int = 0

    async def run(self) -> None:
        while True:
            version = await self._list()
            with contextlib.suppress(Expired):
                await self._watch(version)

    async def _list(self) -> str:
        request = wire.ListRequest(reference=REFERENCE, label_selector=self.labels)
        chunks = [chunk async for chunk in self.world.reads.list(request)]
        objects = [core.ConfigMap.FromString(value) for chunk in chunks for value in chunk.objects]
        self.copy = {obj.metadata.name: obj.metadata.resourceVersion for obj in objects}
        self.reached = int(chunks[-1].resource_version)
        self.lists += 1
        return chunks[-1].resource_version

    async def _watch(self, version: str) -> None:
        request = wire.WatchRequest(
            reference=REFERENCE, label_selector=self.labels, resource_version=version, bookmarks=True
        )
        async for batch in self.world.reads.watch(request):
            for event in batch.events:
                if event.type == wire.WatchEvent.ERROR:
                    raise from_status(event.status)
                self._take(event)

    def _take(self, event: wire.WatchEvent) -> None:
        name = core.ConfigMap.FromString(event.object).metadata.name
        version = int(event.resource_version)
        if event.type == wire.WatchEvent.BOOKMARK:
            assert version >= self.reached
        else:
            assert version > self.reached, "told again, or out of order"
        match event.type:
            case wire.WatchEvent.ADDED:
                assert name not in self.copy
                self.copy[name] = event.resource_version
            case wire.WatchEvent.MODIFIED:
                assert name in self.copy
                self.copy[name] = event.resource_version
            case wire.WatchEvent.DELETED:
                del self.copy[name]
        self.reached = version


async def write(world: ApiWorld, operation: str, name: str, app: str) -> None:
    match operation:
        case "put":
            obj = core.ConfigMap()
            obj.metadata.name, obj.metadata.namespace, obj.metadata.labels["app"] = name, "default", app
            obj.data["after"] = str(world.objects.version(CONFIG_MAP))
            try:
                await world.api.create(CONFIG_MAP, "default", obj, OPTIONS)
            except AlreadyExists:
                await world.api.update(CONFIG_MAP, "default", obj, OPTIONS)
        case "delete":
            with contextlib.suppress(NotFound):
                await world.api.delete(CONFIG_MAP, "default", name, DeleteOptions())
        case "compact":
            page = await world.store.list(CONFIG_MAP.prefix)
            await world.store.compact(page.version)
        case "rest":
            await asyncio.sleep(0)


async def play(writes: list[Any], labels: str) -> None:
    backend = MemoryBackend()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as world,
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as other,
    ):
        followers = [Follower(each, labels) for each in (world, other)]
        tasks = [asyncio.create_task(each.run(), name="follower") for each in followers]
        for operation, name, app in writes:
            await write(world, operation, name, app)
        final = Follower(world, labels)
        await final._list()
        for task, follower in zip(tasks, followers, strict=True):
            await until(
                lambda task=task, follower=follower: task.done() or follower.copy == final.copy,  # type: ignore[misc]
                "a follower's copy is what is stored",
                5,
            )
            assert not task.done(), task.exception()
            task.cancel()
        await asyncio.wait(tasks)


@settings(max_examples=200)
@given(writes=st.lists(WRITES, max_size=40), labels=st.sampled_from(["", "app=web"]))
def test_a_list_and_its_watch_are_a_later_list(writes: list[Any], labels: str) -> None:
    asyncio.run(play(writes, labels))
