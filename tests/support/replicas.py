"""Two api servers over one store, in memory or a real etcd, as two replicas of the control plane are."""

import contextlib
from collections.abc import AsyncIterator

from control_plane.store.interface import Store
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from tests.support.api import ApiWorld, api_world
from tests.support.etcd import real_etcd


@contextlib.asynccontextmanager
async def two_replicas(store: str = "memory") -> AsyncIterator[tuple[ApiWorld, ApiWorld]]:
    """`store`: "memory" or "etcd"."""
    async with contextlib.AsyncExitStack() as stack:
        stores: tuple[Store, Store]
        if store == "memory":
            backend = MemoryBackend()
            stores = MemoryStore(backend), MemoryStore(backend)
        else:
            etcd = await stack.enter_async_context(real_etcd())
            stores = etcd.store(), etcd.store()
        first = await stack.enter_async_context(api_world(stores[0], seed=1))
        second = await stack.enter_async_context(api_world(stores[1], seed=2))
        yield first, second
