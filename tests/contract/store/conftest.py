"""Each test here runs against every store."""

from collections.abc import AsyncGenerator

import pytest

from control_plane.store.interface import Store
from tests.support.etcd import RealEtcd, real_etcd
from tests.support.stores import Backing, EtcdBacking, MemoryBacking


@pytest.fixture(params=["memory", pytest.param("etcd", marks=pytest.mark.etcd)])
async def backing(request: pytest.FixtureRequest) -> AsyncGenerator[Backing, None]:
    if request.param == "memory":
        memory = MemoryBacking()
        yield memory
        await memory.close()
        return
    async with real_etcd() as running:
        yield EtcdBacking(running)


@pytest.fixture
async def store(backing: Backing) -> Store:
    return backing.store()


@pytest.fixture
async def etcd() -> AsyncGenerator[RealEtcd, None]:
    async with real_etcd() as running:
        yield running
