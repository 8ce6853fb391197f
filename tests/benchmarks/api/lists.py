"""Lists of 50,000 pods end to end: how long they take, and what server and client hold meanwhile."""

import asyncio
import os

from knarr import transport
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import NAMESPACE, PODS
from tests.benchmarks.api.end_to_end import HOW, batches, create_all
from tests.benchmarks.api.server import ServerProcess, api_server
from tests.benchmarks.usage import MIB, forget_peak, peak_mib, spent, usage
from tests.support.bench import Report

LISTED = 50_000
LISTERS = 8


async def run(report: Report) -> None:
    async with api_server() as server:
        await create_all(server.address, batches(LISTED))
        for how, version in (("newest", ""), ("cached", "0")):
            for clients in (1, LISTERS):
                await _listed_by(report, server, how, version, clients)
        await _typed(report, server)


async def _listed_by(report: Report, server: ServerProcess, how: str, version: str, clients: int) -> None:
    request = wire.ListRequest(reference=PODS, resource_version=version)
    before = usage(server.pid).rss_bytes / MIB
    forget_peak(server.pid)
    with spent(server.pids) as took:
        counts = await asyncio.gather(*(_count(server.address, request) for _ in range(clients)))
    assert counts == [LISTED] * clients
    params = {"how": how, "clients": clients, "pods": LISTED, **HOW}
    report("api.list_50k.s", took.wall_s, "s", **params, **took.cpu_us(clients))
    grown = peak_mib(server.pid) - before
    report("api.list_50k.rss_mib", grown, "MiB", **params, before_mib=round(before))


async def _count(address: str, request: wire.ListRequest) -> int:
    """How many objects a list has."""
    channel = transport.channel(address)
    count = 0
    async for chunk in ObjectServiceStub(channel).List(request):
        count += len(chunk.objects)
    await channel.close()
    return count


async def _typed(report: Report, server: ServerProcess) -> None:
    """As the client library gives it: all objects parsed, in this process."""
    async with await Client.dial([server.address]) as client:
        before = usage(os.getpid()).rss_bytes / MIB
        forget_peak(os.getpid())
        with spent({"client": os.getpid()}) as took:
            listed = await client.list(core.Pod, NAMESPACE)
        assert len(listed.items) == LISTED
        params = {"how": "typed", "clients": 1, "pods": LISTED, **HOW}
        report("api.list_50k.s", took.wall_s, "s", **params, **took.cpu_us(1))
        grown = peak_mib(os.getpid()) - before
        report("api.list_50k.client_rss_mib", grown, "MiB", **params)
