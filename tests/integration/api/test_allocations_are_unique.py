"""No two Services have one address or node port, whoever makes them at the same time."""

import asyncio

import pytest

from control_plane.api.allocation.holdings import CLAIMS, held
from knarr.api import kinds
from knarr.errors import Invalid
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import create, service
from tests.support.api import ApiWorld
from tests.support.replicas import two_replicas

STORES = ["memory", pytest.param("etcd", marks=pytest.mark.etcd)]


@pytest.mark.parametrize("store", STORES)
async def test_services_of_two_replicas_share_nothing(store: str) -> None:
    async with two_replicas(store) as worlds:

        async def make(number: int) -> core.Service:
            return await create(worlds[number % 2], service(f"s{number}", 80, 81, type="NodePort"))

        made = await asyncio.gather(*map(make, range(120)))
        keys = [key for each in made for key in held(each)]
        assert len(keys) == len(set(keys)) == 360
        claimed = (await worlds[0].store.list(CLAIMS)).records
        assert {record.key for record in claimed} == set(keys)


@pytest.mark.parametrize("store", STORES)
async def test_of_many_that_choose_the_same_port_one_has_it(store: str) -> None:
    async with two_replicas(store) as worlds:

        async def attempt(world: ApiWorld, name: str) -> bool:
            given = service(name, 80, type="NodePort")
            given.spec.ports[0].nodePort = 30_080
            try:
                await create(world, given)
            except Invalid:
                return False
            return True

        done = await asyncio.gather(*(attempt(worlds[n % 2], f"s{n}") for n in range(20)))
        assert sum(done) == 1
        found = await worlds[0].api.storage.newest_all(kinds.SERVICE, "default")
        assert [isinstance(each, core.Service) for each in found] == [True]
