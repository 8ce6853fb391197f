"""Watches of the client: they go on over lost connections, restarts and forgotten history."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

import pytest

from control_plane.api.settings import ApiSettings
from knarr.api.kinds import CONFIG_MAP, POD
from knarr.client import Client, Unreachable, metadata_of, reference
from knarr.errors import BadRequest, Expired
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.proxy import Proxy, proxy_to
from tests.support.served import ServedApi, served_api

T = TypeVar("T")

SETTINGS = ApiSettings(watch_history=4, bookmark_s=0.05)
DEADLINE_S = 20.0
NAMESPACE = "default"


def config_map(name: str, value: str = "1") -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace=NAMESPACE), data={"v": value})


class World:
    """An api server, a client of it, and one whose connection the test disturbs."""

    def __init__(self, api: ServedApi, proxy: Proxy, client: Client, disturbed: Client) -> None:
        self.api = api
        self.proxy = proxy
        self.client = client
        self.disturbed = disturbed

    async def put(self, name: str, value: str) -> None:
        await self.client.apply(core.ConfigMap, NAMESPACE, name, {"data": {"v": value}}, force=True)

    @contextlib.asynccontextmanager
    async def forgetting(self) -> AsyncIterator[None]:
        """What happens within is forgotten by the servers before the disturbed client can ask for it."""
        self.proxy.refuse()
        yield
        for number in range(SETTINGS.watch_history + 1):
            await self.put("other", str(number))
        page = await self.api.world.store.list(CONFIG_MAP.prefix)
        await self.api.world.store.compact(page.version)
        self.proxy.allow()


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with (
        served_api(settings=SETTINGS) as api,
        proxy_to(api.address) as proxy,
        Client.connect([api.address]) as client,
        Client.connect([proxy.endpoint]) as disturbed,
    ):
        yield World(api, proxy, client, disturbed)


async def take(stream: AsyncGenerator[T, None]) -> T:
    async with asyncio.timeout(DEADLINE_S):
        return await anext(stream)


async def exhaust(stream: AsyncGenerator[T, None]) -> None:
    while True:
        await take(stream)


async def test_a_watch_begins_with_what_exists_and_goes_on_after_a_cut_and_a_restart() -> None:
    async with world() as w:
        await w.put("a", "1")
        told = []
        async with aclosing(w.disturbed.watch(core.ConfigMap, NAMESPACE)) as stream:

            async def next_change() -> None:
                while (event := await take(stream)).type == "BOOKMARK":
                    pass
                told.append((event.type, event.object.metadata.name, event.object.data["v"]))

            await next_change()
            await w.put("a", "2")
            await next_change()
            w.proxy.cut()
            await w.put("a", "3")
            await next_change()
            await w.api.stop()
            await w.api.start()
            await w.client.delete(core.ConfigMap, NAMESPACE, "a")
            await next_change()
        assert told == [
            ("ADDED", "a", "1"),
            ("MODIFIED", "a", "2"),
            ("MODIFIED", "a", "3"),
            ("DELETED", "a", "3"),
        ]


async def test_a_watch_that_was_away_for_too_long_is_expired() -> None:
    async with world() as w, aclosing(w.disturbed.watch(core.ConfigMap, NAMESPACE)) as stream:
        await w.put("a", "1")
        await take(stream)
        async with w.forgetting():
            await w.put("a", "2")
        with pytest.raises(Expired):
            await exhaust(stream)


async def test_who_follows_is_told_what_was_missed() -> None:
    async with world() as w:
        for name in ("gone", "kept", "new again"):
            await w.client.create(config_map(name.replace(" ", "-")))
        follow = w.disturbed.follow(core.ConfigMap, NAMESPACE, fields="metadata.name!=other")
        async with aclosing(follow) as stream:
            assert [(await take(stream)).type for _ in range(3)] == ["ADDED"] * 3
            async with w.forgetting():
                await w.client.delete(core.ConfigMap, NAMESPACE, "gone")
                await w.client.delete(core.ConfigMap, NAMESPACE, "new-again")
                await w.client.create(config_map("new-again"))
                await w.put("kept", "2")
            told = [await take(stream) for _ in range(4)]
            assert sorted((each.type.value, each.object.metadata.name) for each in told) == [
                ("ADDED", "new-again"),
                ("DELETED", "gone"),
                ("DELETED", "new-again"),
                ("MODIFIED", "kept"),
            ]
            kept = next(each for each in told if each.object.metadata.name == "kept")
            assert kept.previous is not None
            assert (kept.previous.data["v"], kept.object.data["v"]) == ("1", "2")


@pytest.mark.parametrize("as_table", [False, True], ids=["objects", "rows"])
async def test_raw_events_go_on_with_the_difference(as_table: bool) -> None:
    request = wire.ListRequest(
        reference=reference(CONFIG_MAP, NAMESPACE), field_selector="metadata.name!=other", as_table=as_table
    )

    def name(event: wire.WatchEvent) -> str:
        if as_table:
            return event.table.rows[0].reference.name
        return core.ConfigMap.FromString(event.object).metadata.name

    async with world() as w:
        await w.client.create(config_map("gone"))
        await w.client.create(config_map("kept"))
        chunks = await w.disturbed.list_chunks(request)
        async with aclosing(w.disturbed.follow_events(request, chunks)) as stream:
            await w.client.create(config_map("live"))
            live = await take(stream)
            assert (live.type, name(live)) == (wire.WatchEvent.ADDED, "live")
            async with w.forgetting():
                await w.client.delete(core.ConfigMap, NAMESPACE, "gone")
                await w.client.create(config_map("new"))
            told = [await take(stream) for _ in range(2)]
            assert [(each.type, name(each)) for each in told] == [
                (wire.WatchEvent.DELETED, "gone"),
                (wire.WatchEvent.ADDED, "new"),
            ]


async def test_a_wait_goes_on_over_a_restart_and_forgotten_history() -> None:
    async with world() as w:
        await w.put("a", "1")

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(
                w.disturbed.wait_for(
                    core.ConfigMap, NAMESPACE, "a", lambda obj: obj is not None and obj.data["v"] == "9"
                )
            )
            await w.api.stop()
            await w.api.start()
            async with w.forgetting():
                await w.put("a", "9")
            found = await waiting
        assert found is not None
        assert found.data["v"] == "9"


async def test_patience_is_longer_than_any_call() -> None:
    async with world() as w, Client.connect([w.proxy.endpoint], timeout_s=0.2) as hasty:
        await w.put("a", "1")
        w.proxy.refuse()
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(hasty.wait_for(core.ConfigMap, NAMESPACE, "a", bool, patience_s=60.0))
            with pytest.raises(Unreachable):
                await hasty.list(core.ConfigMap)
            w.proxy.allow()
            assert await waiting is not None


async def test_a_wait_for_the_end_of_an_object() -> None:
    async with world() as w, asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        await w.put("a", "1")
        gone = tasks.create_task(
            w.disturbed.wait_for(core.ConfigMap, NAMESPACE, "a", lambda obj: obj is None)
        )
        await asyncio.sleep(0)
        await w.client.delete(core.ConfigMap, NAMESPACE, "a")
        assert await gone is None
        assert await w.client.wait_for(core.ConfigMap, NAMESPACE, "none", lambda obj: obj is None) is None


async def test_what_is_refused_ends_a_watch() -> None:
    async with world() as w:
        with pytest.raises(BadRequest):
            await take(w.client.watch(core.Pod, NAMESPACE, fields="spec.nothing=1", resource_version="1"))


async def test_patience_with_servers_that_do_not_answer_ends() -> None:
    async with world() as w:
        listed = await w.disturbed.list(core.ConfigMap)
        w.proxy.refuse()
        stream = w.disturbed.watch(core.ConfigMap, resource_version=listed.resource_version, patience_s=0.3)
        with pytest.raises(Unreachable):
            await take(stream)


async def test_a_stopped_watch_leaves_nothing_at_the_server() -> None:
    async with world() as w:
        await w.put("a", "1")
        async with aclosing(w.client.watch(core.ConfigMap)) as stream:
            assert metadata_of((await take(stream)).object).name == "a"
            await take(stream)
            assert w.api.world.watches.watchers(CONFIG_MAP) == 1
        async with asyncio.timeout(DEADLINE_S):
            while w.api.world.watches.watchers(CONFIG_MAP):
                await w.client.server_info()
        assert w.api.world.watches.watchers(POD) == 0
