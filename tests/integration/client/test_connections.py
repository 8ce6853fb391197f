"""Connections of the client: several servers, servers that are not there, servers that come back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from knarr import transport
from knarr.api.kinds import CONFIG_MAP
from knarr.client import Client, Unreachable
from knarr.client.servers import Servers
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.api import api_world
from tests.support.served import ServedApi, served_api
from tests.support.waiting import until

DEADLINE_S = 10.0
NOBODY = "127.0.0.1:1"  # a port on which nothing listens


@contextlib.asynccontextmanager
async def replicas() -> AsyncIterator[tuple[ServedApi, ServedApi]]:
    """Two servers of one API."""
    async with api_world() as world:
        apis = ServedApi(world), ServedApi(world)
        for each in apis:
            await each.start()
        yield apis
        for each in apis:
            await each.stop()


def config_map(name: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"))


async def test_the_first_server_that_answers_is_used() -> None:
    async with served_api() as api, Client.connect([NOBODY, api.address]) as client:
        assert (await client.server_info()).replica == "replica"


async def test_nobody_answers() -> None:
    client = Client.connect([NOBODY, NOBODY], timeout_s=0.5)
    with pytest.raises(Unreachable, match=rf"no control plane answers at {NOBODY}, {NOBODY}"):
        await client.__aenter__()
    with pytest.raises(Unreachable):
        await Client.dial([NOBODY])


async def test_without_a_block_the_first_call_connects() -> None:
    async with served_api() as api:
        client = Client.connect([api.address])
        with pytest.raises(NotFound):
            await client.get(core.ConfigMap, "default", "none")
        await client.close()


async def test_calls_and_writes_go_on_at_another_server() -> None:
    async with replicas() as (one, other), Client.connect([one.address, other.address]) as client:
        await client.create(config_map("a"))
        await one.stop()
        await client.create(config_map("b"))
        await one.start()
        await other.stop()
        assert len((await client.list(core.ConfigMap, "default")).items) == 2
        await client.create(config_map("c"))


async def test_a_write_waits_for_a_server_that_is_not_there_yet() -> None:
    """As long as nothing could be sent, a write may be tried again."""
    async with (
        served_api() as api,
        Client.connect([api.address], timeout_s=15.0) as patient,
        Client.connect([api.address], timeout_s=0.3) as hasty,
    ):
        await api.stop()
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(patient.create(config_map("patient")))
            with pytest.raises(Unreachable):
                await hasty.create(config_map("hasty"))
            await api.start()
            await writing
        listed = await patient.list(core.ConfigMap, "default")
        assert [found.metadata.name for found in listed.items] == ["patient"]


async def test_many_calls_share_one_attempt_to_connect() -> None:
    async with served_api() as api:
        servers = Servers.at([NOBODY, api.address])
        links = await asyncio.gather(*(servers.link() for _ in range(50)))
        assert len({id(link) for link in links}) == 1
        await servers.close()


async def test_a_cancelled_call_does_not_end_the_connecting_of_others() -> None:
    async with served_api() as api:
        servers = Servers.at([api.address])
        first = asyncio.create_task(servers.link())
        second = asyncio.create_task(servers.link())
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).address == api.address
        await servers.close()


async def test_closing_ends_what_is_under_way() -> None:
    async with served_api() as api:
        client = Client.connect([api.address])
        connecting = asyncio.create_task(client.get(core.ConfigMap, "default", "none"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(RuntimeError, match="the client is closed"):
            await connecting
        with pytest.raises(RuntimeError, match="the client is closed"):
            await client.get(core.ConfigMap, "default", "none")


async def test_closing_ends_a_watch() -> None:
    async with served_api() as api:
        client = Client.connect([api.address])
        watch = client.watch(
            core.ConfigMap, resource_version=(await client.list(core.ConfigMap)).resource_version
        )
        waiting = asyncio.create_task(anext(watch))
        await until(lambda: api.world.watches.watchers(CONFIG_MAP) == 1)
        await client.close()
        with pytest.raises(RuntimeError, match="the client is closed"):
            async with asyncio.timeout(DEADLINE_S):
                await waiting


def test_addresses_are_needed_and_local_without_tls() -> None:
    with pytest.raises(ValueError, match="at least one server"):
        Client.connect([])


async def test_an_address_of_another_machine_needs_credentials() -> None:
    with pytest.raises(transport.InsecureAddress):
        Client.connect(["192.0.2.1:7443"])


async def test_warnings_of_the_server_are_told() -> None:
    warnings: list[str] = []
    async with served_api() as api, Client.connect([api.address], on_warning=warnings.append) as client:
        pod = core.Pod(metadata=meta.ObjectMeta(name="p", namespace="default"))
        pod.spec.containers.add(name="c", image="i:1")
        pod.spec.imagePullSecrets.add(name="s")
        await client.create(pod)
    assert len(warnings) == 1
    assert "imagePullSecrets" in warnings[0]


async def test_many_creates_in_one_call_each_with_its_own_outcome() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        await client.create(config_map("m3"))
        outcomes = await client.create_all([config_map(f"m{number}") for number in range(1200)])
        assert [type(outcome).__name__ for outcome in outcomes[:5]] == [
            "ConfigMap",
            "ConfigMap",
            "ConfigMap",
            "AlreadyExists",
            "ConfigMap",
        ]
        pages = [len(page.items) async for page in client.pages(core.ConfigMap, "default", limit=500)]
        assert pages == [500, 500, 200]
