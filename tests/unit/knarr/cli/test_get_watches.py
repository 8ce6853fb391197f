"""knarr get -w: changes as rows, and no change missed when a connection is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from knarr.api.kinds import CONFIG_MAP
from knarr.cli.choosing import Named, Wanted
from knarr.cli.getting.query import Query
from knarr.cli.getting.watching import watch
from knarr.cli.output import parse_format
from knarr.cli.resources import Target
from knarr.cli.tables import TablePrinter
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.cli import Server
from tests.support.proxy import Proxy
from tests.support.waiting import until


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    proxy = Proxy(int(server.address.rpartition(":")[2]))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    async with await Client.dial([proxy.endpoint]) as client:
        yield client


def config_map(name: str, **data: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"), data=data)


class Screen:
    """What was printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.text = ""

    def lines(self) -> list[list[str]]:
        self.text += self._capsys.readouterr().out
        return [line.split() for line in self.text.splitlines()]

    def count(self, expected: int) -> Callable[[], bool]:
        return lambda: len(self.lines()) >= expected


@contextlib.asynccontextmanager
async def watching(
    client: Client, output: str, *, first: bool = True, events: bool = False
) -> AsyncIterator[None]:
    query = Query([Named("default", Target(CONFIG_MAP))], Wanted(labels="!other"), parse_format(output), "")
    work = watch(client, query, TablePrinter(), first=first, events=events)
    task = asyncio.create_task(work, name="watch")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_changes_are_rows_below_the_list(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(capsys)
    await client.create(config_map("rows-a"))
    async with watching(client, "", events=True):
        await until(screen.count(2))
        await client.update(config_map("rows-a", key="value"))
        await until(screen.count(3))
        await client.delete(CONFIG_MAP, "default", "rows-a")
        await until(screen.count(4))
    header, *rows = screen.lines()
    assert header == ["EVENT", "NAME", "DATA", "AGE"]
    assert [row[:3] for row in rows] == [
        ["ADDED", "rows-a", "0"],
        ["MODIFIED", "rows-a", "1"],
        ["DELETED", "rows-a", "1"],
    ]


async def test_changes_only(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(capsys)
    await client.create(config_map("only", number="first"))
    async with watching(client, "jsonpath={.data.number} ", first=False), asyncio.timeout(20):
        while not screen.lines():  # the watch may begin after a change, but not after all of them
            await client.update(config_map("only", number="changed"))
            await client.update(config_map("only", number="again"))
    assert set(screen.lines()[0]) <= {"changed", "again"}
    await client.delete(CONFIG_MAP, "default", "only")


async def test_it_goes_on_after_a_lost_connection(
    client: Client, proxy: Proxy, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(capsys)
    await client.create(config_map("lost-a"))
    async with watching(client, "name"):
        await until(screen.count(1))
        proxy.refuse()
        behind = server.start(server.client.create(config_map("lost-b")))
        await asyncio.wrap_future(behind)
        proxy.allow()
        await until(screen.count(2))
    assert screen.lines() == [["configmap/lost-a"], ["configmap/lost-b"]]
    for name in ("lost-a", "lost-b"):
        await client.delete(CONFIG_MAP, "default", name)
