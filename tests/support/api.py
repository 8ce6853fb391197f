"""The API in this process, on a store in memory or any other, with the namespaces that there always are."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from control_plane.api.api import Api, WriteOptions
from control_plane.api.reading import Lister
from control_plane.api.settings import ApiSettings
from control_plane.api.watching.watcher import Watches
from control_plane.api.writer import ApiWriter
from control_plane.objects.cache import CachedObjects
from control_plane.server.reads import ReadRequests
from control_plane.server.requests import WriteRequests
from control_plane.store.interface import Store
from control_plane.store.memory import MemoryStore
from knarr.api.kinds import KINDS, NAMESPACE
from knarr.clock import Clock, Ids, SeededIds, SystemClock
from knarr.errors import AlreadyExists
from knarr.proto.kubernetes import core_v1_pb2 as core

OPTIONS = WriteOptions(manager="tests")


class ManualClock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@dataclass(slots=True)
class ApiWorld:
    """An api server without a transport."""

    store: Store
    objects: CachedObjects
    api: Api
    lister: Lister
    watches: Watches
    writer: ApiWriter
    reads: ReadRequests
    writes: WriteRequests


@contextlib.asynccontextmanager
async def api_world(
    store: Store | None = None,
    *,
    settings: ApiSettings | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    namespaces: Sequence[str] = ("default", "kube-system"),
    seed: int = 1,
) -> AsyncIterator[ApiWorld]:
    """A running api server; all that it started has ended when the context does."""
    store = store or MemoryStore()
    settings, clock = settings or ApiSettings(), clock or SystemClock()
    rng = random.Random(seed)
    objects = CachedObjects(store, KINDS, rng)
    api = Api(store, objects, clock, ids or SeededIds(seed), rng, settings)
    lister = Lister(api.storage, objects, settings)
    watches = Watches(store, objects, KINDS, settings)
    writer = ApiWriter(api, clock)
    world = ApiWorld(
        store,
        objects,
        api,
        lister,
        watches,
        writer,
        ReadRequests(api, lister, watches),
        WriteRequests(api, lister, writer),
    )
    running = [
        asyncio.create_task(objects.run(), name="cache"),
        asyncio.create_task(watches.run(), name="watches"),
    ]
    try:
        await objects.synced()
        for name in namespaces:
            await add_namespace(world, name)
        yield world
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def add_namespace(world: ApiWorld, name: str) -> None:
    """Create a namespace unless there is one."""
    namespace = core.Namespace()
    namespace.metadata.name = name
    with contextlib.suppress(AlreadyExists):
        await world.api.create(NAMESPACE, "", namespace, OPTIONS)
