"""Writes through a connection that is cut again and again, at any moment: the sums come out right."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest

from knarr.client import Ambiguous, Client
from knarr.errors import AlreadyExists
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.proxy import Proxy, proxy_to
from tests.support.served import served_api

WRITERS = 3
WRITES = 40
LONGEST_PEACE_S = 0.04


def config_map(name: str, **data: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"), data=data)


@contextlib.asynccontextmanager
async def cutting(proxy: Proxy, rng: random.Random) -> AsyncIterator[None]:
    """Connections are cut at random moments meanwhile."""

    async def cut() -> None:
        while True:
            await asyncio.sleep(rng.random() * LONGEST_PEACE_S)
            proxy.cut()

    task = asyncio.create_task(cut(), name="cutting")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def count_up(client: Client, name: str) -> tuple[int, int]:
    """Add one, WRITES times; how often that was confirmed, and how often in doubt."""
    confirmed = in_doubt = 0

    def add(found: core.ConfigMap) -> None:
        found.data["n"] = str(int(found.data["n"]) + 1)

    for _ in range(WRITES):
        try:
            await client.change(core.ConfigMap, "default", name, add)
            confirmed += 1
        except Ambiguous:
            in_doubt += 1
    return confirmed, in_doubt


def has(token: str, found: core.ConfigMap) -> bool:
    return found.data["token"] == token


async def made(client: Client, name: str, token: str) -> core.ConfigMap:
    """The object with the token, created if need be; fails when there is another one of the name."""
    while True:
        try:
            return await client.create(config_map(name, token=token), mine=partial(has, token))
        except Ambiguous:
            continue
        except AlreadyExists:  # by a try that was in doubt
            found = await client.get(core.ConfigMap, "default", name)
            assert has(token, found)
            return found


async def come_and_go(client: Client, name: str) -> None:
    """Create and delete an object, WRITES times."""
    for number in range(WRITES):
        found = await made(client, name, f"{name}-{number}")
        await client.delete(core.ConfigMap, "default", name, uid=found.metadata.uid)


@pytest.mark.parametrize("seed", range(3))
async def test_counters_and_comings_and_goings(seed: int) -> None:
    rng = random.Random(seed)
    async with (
        served_api() as api,
        proxy_to(api.address) as proxy,
        Client.connect([api.address]) as sure,
        Client.connect([proxy.endpoint]) as client,
    ):
        names = [f"counter-{number}" for number in range(WRITERS)]
        for name in names:
            await sure.create(config_map(name, n="0"))
        async with cutting(proxy, rng), asyncio.TaskGroup() as tasks:
            counts = [tasks.create_task(count_up(client, name)) for name in names]
            tasks.create_task(come_and_go(client, "guest"))
        for name, count in zip(names, counts, strict=True):
            confirmed, in_doubt = count.result()
            value = int((await sure.get(core.ConfigMap, "default", name)).data["n"])
            assert confirmed <= value <= confirmed + in_doubt
        left = {found.metadata.name for found in (await sure.list(core.ConfigMap, "default")).items}
        assert left == set(names)
