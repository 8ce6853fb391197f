"""What one client waits while another floods the server with creates, or with lists of everything.

The other one is a process of its own, so that only the server stands between the two.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc.aio

from knarr import transport
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import NAMESPACE, PODS, create_request, pod
from tests.benchmarks.api.end_to_end import HOW, batches, create_all
from tests.benchmarks.api.server import api_server
from tests.benchmarks.usage import percentile, spent
from tests.support.bench import Report

if TYPE_CHECKING:
    from knarr.proto.services.object_service_pb2_grpc import ObjectServiceAsyncStub

LISTED = 20_000
CREATES_AT_ONCE = 400  # of the flooding client, on one connection
LISTS_AT_ONCE = 16
WARMING = 20  # rounds of the small client that do not count
ROUNDS = 200  # a create and a get, one after another
PAUSE_S = 0.02
STOP_TIMEOUT_S = 10.0


async def run(report: Report) -> None:
    async with api_server() as server:
        await create_all(server.address, batches(LISTED))
        for beside in ("nothing", "creates", "lists"):
            with flooded(server.address, beside):
                await _small(server.address, f"warming-{beside}", WARMING)
                with spent(server.pids) as took:
                    taken = await _small(server.address, f"small-{beside}", ROUNDS)
            busy = {f"{name}_busy": round(cpu_s / took.wall_s, 2) for name, cpu_s in took.cpu_s.items()}
            params = {"beside": beside, **HOW, **busy}
            report("api.fairness.p50_ms", percentile(taken, 0.5) * 1e3, "ms", **params)
            report("api.fairness.p99_ms", percentile(taken, 0.99) * 1e3, "ms", **params)


async def _small(address: str, prefix: str, rounds: int) -> list[float]:
    """Seconds of each call of a client that does one thing after another."""
    taken: list[float] = []
    async with await Client.dial([address]) as client:
        for number in range(rounds):
            name = f"{prefix}-{number}"
            for call in (client.create(pod(name)), client.get(core.Pod, NAMESPACE, name)):
                began = time.perf_counter()
                await call
                taken.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_S)
    return taken


@contextmanager
def flooded(address: str, beside: str) -> Iterator[None]:
    """Another client meanwhile, which always has more under way than is good for anybody."""
    if beside == "nothing":
        yield
        return
    command = [sys.executable, "-m", "tests.benchmarks.api.fairness", address, beside]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, "the flood has dried up"
    finally:
        process.kill()
        process.wait(STOP_TIMEOUT_S)


async def flood(address: str, how: str) -> None:
    """Flood until killed."""
    stub = ObjectServiceStub(transport.channel(address))
    async with asyncio.TaskGroup() as tasks:
        for number in range(CREATES_AT_ONCE if how == "creates" else LISTS_AT_ONCE):
            work = _creates(stub, number) if how == "creates" else _lists(stub)
            tasks.create_task(work, name=f"flood-{how}")


async def _creates(stub: "ObjectServiceAsyncStub", number: int) -> None:
    while True:
        try:
            await stub.Create(create_request(f"flood-{number}"))
        except grpc.aio.AioRpcError as refused:
            if refused.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            await asyncio.sleep(0.1)
        number += CREATES_AT_ONCE


async def _lists(stub: "ObjectServiceAsyncStub") -> None:
    while True:
        async for _ in stub.List(wire.ListRequest(reference=PODS, resource_version="0")):
            pass


if __name__ == "__main__":
    asyncio.run(flood(*sys.argv[1:]))
