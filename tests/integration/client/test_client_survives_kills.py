"""kill -9 of a real control plane while programs write through the client: nothing is done twice, nothing
that was confirmed is lost, and what is followed comes to be what is there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from knarr.client import Ambiguous, Client, Informers
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.cluster import RealCluster
from tests.support.waiting import until

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(180)]

START_S = 30.0
COUNTERS = 4
ROUNDS = 2
BETWEEN_KILLS = 30  # confirmed writes


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[RealCluster]:
    made = RealCluster(tmp_path, nodes=())
    try:
        made.start_server()
        yield made
    finally:
        await asyncio.to_thread(made.stop)


@dataclass
class Count:
    """What one writer knows of its counter."""

    name: str
    confirmed: int = 0
    in_doubt: int = 0


async def count_up(client: Client, count: Count) -> None:
    """Add one, again and again. That is no change that may be made twice."""

    def add(found: core.ConfigMap) -> None:
        found.data["n"] = str(int(found.data["n"]) + 1)

    while True:
        try:
            await client.change(core.ConfigMap, "default", count.name, add)
            count.confirmed += 1
        except Ambiguous:
            count.in_doubt += 1


async def test_counters_are_right_after_kills(cluster: RealCluster) -> None:
    client = await cluster.client()
    async with client, client.informers() as informers:
        async with asyncio.timeout(START_S):
            await client.wait_for(core.Namespace, "", "default", bool)
        counts = [Count(f"counter-{number}") for number in range(COUNTERS)]
        for count in counts:
            made = core.ConfigMap(metadata=meta.ObjectMeta(name=count.name, namespace="default"))
            made.data["n"] = "0"
            await client.create(made)
        maps = informers.of(core.ConfigMap, "default")
        await informers.wait_synced()
        writers = [asyncio.create_task(count_up(client, each), name=each.name) for each in counts]
        for _ in range(ROUNDS):
            await confirmed(counts, BETWEEN_KILLS)
            cluster.kill("server")
            cluster.start_server()
        await confirmed(counts, BETWEEN_KILLS)
        for writer in writers:
            writer.cancel()
        await asyncio.wait(writers)
        await check(client, informers, counts)
        listed = await client.list(core.ConfigMap, "default")
        assert sorted(map(values, maps.list())) == sorted(map(values, listed.items))


def values(found: core.ConfigMap) -> tuple[str, str]:
    return found.metadata.name, found.data["n"]


async def confirmed(counts: list[Count], more: int) -> None:
    """Wait until so many more writes are confirmed."""
    goal = sum(count.confirmed for count in counts) + more
    await until(lambda: sum(count.confirmed for count in counts) >= goal, "writes are confirmed", 60.0)


async def check(client: Client, informers: Informers, counts: list[Count]) -> None:
    """Each counter says what was confirmed, and at most what was in doubt besides."""
    for count in counts:
        found = await client.get(core.ConfigMap, "default", count.name)
        # One more: the write under way when the writer was stopped.
        assert count.confirmed <= int(found.data["n"]) <= count.confirmed + count.in_doubt + 1, count
        await informers.of(core.ConfigMap, "default").seen(found)
