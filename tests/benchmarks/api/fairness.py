"""What one client waits while another floods the server with creates, or with lists of everything."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import grpc.aio

from knarr import transport
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import NAMESPACE, PODS, create_request, pod
from tests.benchmarks.api.end_to_end import HOW, batches, create_all
from tests.benchmarks.api.server import api_server
from tests.benchmarks.usage import percentile
from tests.support.bench import Report

LISTED = 20_000
CREATES_AT_ONCE = 400  # of the flooding client, on one connection
LISTS_AT_ONCE = 16
ROUNDS = 150  # of the small client: a create and a get, one after another
PAUSE_S = 0.02


async def run(report: Report) -> None:
    async with api_server() as server:
        await create_all(server.address, batches(LISTED))
        for beside in ("nothing", "creates", "lists"):
            async with flood(server.address, beside) as done:
                taken = await _small(server.address, f"small-{beside}")
            params = {"beside": beside, "flood_calls": done[0], **HOW}
            report("api.fairness.p50_ms", percentile(taken, 0.5) * 1e3, "ms", **params)
            report("api.fairness.p99_ms", percentile(taken, 0.99) * 1e3, "ms", **params)


async def _small(address: str, prefix: str) -> list[float]:
    """Seconds of each call of a client that does one thing after another."""
    taken: list[float] = []
    async with await Client.dial([address]) as client:
        for number in range(ROUNDS):
            name = f"{prefix}-{number}"
            for call in (client.create(pod(name)), client.get(core.Pod, NAMESPACE, name)):
                began = time.perf_counter()
                await call
                taken.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_S)
    return taken


@asynccontextmanager
async def flood(address: str, beside: str) -> AsyncIterator[list[int]]:
    """Another client meanwhile, which always has more under way than is good for anybody."""
    channel = transport.channel(address)
    stub, done = ObjectServiceStub(channel), [0]

    async def creates(first: int) -> None:
        number = first
        while True:
            try:
                await stub.Create(create_request(f"flood-{beside}-{number}"))
            except grpc.aio.AioRpcError as refused:
                if refused.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
                await asyncio.sleep(0.1)
            number += CREATES_AT_ONCE
            done[0] += 1

    async def lists() -> None:
        while True:
            async for _ in stub.List(wire.ListRequest(reference=PODS, resource_version="0")):
                pass
            done[0] += 1

    work: list[Coroutine[None, None, None]] = []
    if beside == "creates":
        work = [creates(first) for first in range(CREATES_AT_ONCE)]
    elif beside == "lists":
        work = [lists() for _ in range(LISTS_AT_ONCE)]
    tasks = [asyncio.create_task(each, name=f"flood-{beside}") for each in work]
    try:
        yield done
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await channel.close()
