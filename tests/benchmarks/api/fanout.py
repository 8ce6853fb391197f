"""Watches end to end: 1,000 of one kind, told of pods that are created as fast as can be, and at a pace."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import grpc.aio

from knarr import transport
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import PODS, pod
from tests.benchmarks.api.end_to_end import HOW
from tests.benchmarks.api.server import ServerProcess, api_server
from tests.benchmarks.usage import in_turn, percentile, spent
from tests.support.bench import Report

CREATORS = 8
WATCHERS = 1_000
CONNECTIONS = 20  # of the watchers
WATCHED = 200  # objects that each watcher is told of
PACED = 50
PER_S = 10.0
SAMPLED = 10  # one watcher in so many looks at the time


async def run(report: Report) -> None:
    for count, per_s in ((WATCHED, 0.0), (PACED, PER_S)):
        async with api_server() as server, server.clients(CREATORS) as clients:
            await Fanout(report, server, count, per_s).run(clients)


class Fanout:
    """`count` pods are created, `per_s` of them in a second (0: as fast as can be); all watchers are told."""

    def __init__(self, report: Report, server: ServerProcess, count: int, per_s: float) -> None:
        self._report = report
        self._server = server
        self._count = count
        self._per_s = per_s
        self._ready = asyncio.Semaphore(0)
        self._sent: dict[str, float] = {}
        self._delays: list[float] = []

    async def run(self, clients: Sequence[Client]) -> None:
        channels = [transport.channel(self._server.address) for _ in range(CONNECTIONS)]
        watchers = [
            asyncio.create_task(self._watch(channels[n % CONNECTIONS], n % SAMPLED == 0), name="watcher")
            for n in range(WATCHERS)
        ]
        for _ in range(WATCHERS):
            await self._ready.acquire()
        with spent(self._server.pids) as took:
            await asyncio.gather(self._create_all(clients), *watchers)
        for channel in channels:
            await channel.close()
        pace = f"{self._per_s:g} per s" if self._per_s else "none"
        events = self._count * WATCHERS
        params = {"watchers": WATCHERS, "pace": pace, **HOW, **took.cpu_us(events)}
        if not self._per_s:
            self._report("api.watch_fanout.events_per_s", events / took.wall_s, "per s", **params)
        self._report("api.watch_fanout.p99_ms", percentile(self._delays, 0.99) * 1e3, "ms", **params)

    async def _create_all(self, clients: Sequence[Client]) -> None:
        if not self._per_s:
            shares = [
                [partial(self._create, client, number) for number in range(first, self._count, CREATORS)]
                for first, client in enumerate(clients)
            ]
            await asyncio.gather(*map(in_turn, shares))
            return
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._count):
                tasks.create_task(self._create(clients[number % CREATORS], number), name="create")
                await asyncio.sleep(1 / self._per_s)

    async def _create(self, client: Client, number: int) -> None:
        name = f"pod-{number}"
        self._sent[name] = time.perf_counter()
        await client.create(pod(name))

    async def _watch(self, channel: grpc.aio.Channel, sampled: bool) -> None:
        call = ObjectServiceStub(channel).Watch(wire.WatchRequest(reference=PODS, send_initial_events=True))
        left = self._count
        async for batch in call:
            now = time.perf_counter()
            for event in batch.events:
                if event.type == wire.WatchEvent.BOOKMARK:
                    self._ready.release()
                    continue
                if sampled:
                    name = core.Pod.FromString(event.object).metadata.name
                    self._delays.append(now - self._sent[name])
                left -= 1
            if not left:
                call.cancel()
                return
