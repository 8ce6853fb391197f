"""Leader election with the client: one copy works at a time, whatever becomes of the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from knarr.client import Client, Leader, LeaderSettings
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination
from tests.support.proxy import Proxy, proxy_to
from tests.support.served import served_api
from tests.support.waiting import until

SETTINGS = LeaderSettings(lease_s=1, renew_within_s=0.6, retry_s=0.1)


class Work:
    """Notes who works, and that nobody does while another one does."""

    def __init__(self) -> None:
        self.working: list[str] = []
        self.most = 0

    async def of(self, name: str) -> None:
        self.working.append(name)
        self.most = max(self.most, len(self.working))
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.working.remove(name)


@contextlib.asynccontextmanager
async def two_copies(
    settings: LeaderSettings = SETTINGS,
) -> AsyncIterator[tuple[Work, dict[str, Proxy], dict[str, asyncio.Task[None]]]]:
    """Two copies that contend, each behind a proxy."""
    work = Work()
    async with (
        served_api() as api,
        proxy_to(api.address) as one,
        proxy_to(api.address) as two,
        Client.connect([one.endpoint]) as first,
        Client.connect([two.endpoint]) as second,
    ):
        tasks = {}
        for name, client in (("one", first), ("two", second)):
            leader = Leader(client, "test", identity=name, settings=settings)
            run = leader.run(lambda name=name: work.of(name))  # type: ignore[misc]  # a default binds the name
            tasks[name] = asyncio.create_task(run, name=name)
        yield work, {"one": one, "two": two}, tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.wait(tasks.values())


def other(name: str) -> str:
    return "two" if name == "one" else "one"


async def test_another_leads_when_the_leader_is_cut_off_and_never_two() -> None:
    async with two_copies() as (work, proxies, _):
        await until(lambda: len(work.working) == 1)
        first = work.working[0]
        proxies[first].refuse()
        await until(lambda: work.working == [other(first)], "the other copy leads")
        proxies[first].allow()
        proxies[other(first)].refuse()
        await until(lambda: work.working == [first], "the first copy leads again")
        assert work.most == 1


async def test_a_leader_that_ends_gives_the_lease_back() -> None:
    async with two_copies(replace(SETTINGS, lease_s=60)) as (work, _, tasks):
        await until(lambda: len(work.working) == 1)
        first = work.working[0]
        tasks[first].cancel()
        # Sooner than the lease would have ended.
        await until(lambda: work.working == [other(first)], timeout_s=30.0)


async def test_work_that_ends_ends_the_leading_and_errors_are_raised() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:

        async def fail() -> None:
            raise LookupError("the work")

        with pytest.raises(LookupError, match="the work"):
            await Leader(client, "test", settings=SETTINGS).run(fail)

        async def end() -> None:
            await asyncio.sleep(0)

        await Leader(client, "test", "default", settings=SETTINGS).run(end)
        lease = await client.get(coordination.Lease, "default", "test")
        assert lease.spec.holderIdentity == ""
