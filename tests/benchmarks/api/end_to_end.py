"""The API as users have it: this process is the clients; server and etcd are processes of their own.

All goes over gRPC on loopback. CPU is the server's and etcd's for each call; all three share the cores.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import grpc.aio

from knarr import transport
from knarr.api.kinds import POD
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import NAMESPACE, document, pod
from tests.benchmarks.api.server import ServerProcess, api_server
from tests.benchmarks.usage import Spent, Work, forget_peak, in_turn, peak_mib, percentile, spent, usage
from tests.support.bench import Report

CLIENTS = 32
CALLS = 9_600
BATCH = 100
BATCHERS = 4
BATCHED = 20_000
LISTED = 50_000
LISTERS = 8
WATCHERS = 1_000
CONNECTIONS = 20  # of the watchers
WATCHED = 200  # objects that each watcher is told of
PODS = wire.Reference(api_version="v1", kind="Pod", namespace=NAMESPACE)
HOW = {"transport": "grpc", "store": "etcd"}


async def run(report: Report) -> None:
    async with api_server() as server, server.clients(CLIENTS) as clients:
        bench = EndToEnd(report, server, clients)
        await bench.batches()
        await bench.writes()
        await bench.applies()
    async with api_server() as server, server.clients(CLIENTS) as clients:
        await EndToEnd(report, server, clients).fanout()
    async with api_server() as server, server.clients(CLIENTS) as clients:
        bench = EndToEnd(report, server, clients)
        await bench.fill(LISTED)
        await bench.lists()


class EndToEnd:
    """The figures of one server."""

    def __init__(self, report: Report, server: ServerProcess, clients: Sequence[Client]) -> None:
        self._report = report
        self._server = server
        self._clients = clients

    def _per_s(self, name: str, count: int, took: Spent, **params: object) -> None:
        self._report(name, count / took.wall_s, "per s", **params, **HOW, **took.cpu_us(count))

    async def _calls(self, name: str, call: Callable[[Client, int], Work], **params: object) -> None:
        """CALLS calls, of all clients at once, each of them one after another."""
        shares = [
            [call(client, number) for number in range(first, CALLS, CLIENTS)]
            for first, client in enumerate(self._clients)
        ]
        with spent(self._server.pids) as took:
            await asyncio.gather(*map(in_turn, shares))
        self._per_s(name, CALLS, took, **params, clients=CLIENTS)

    async def writes(self) -> None:
        made: dict[int, core.Pod] = {}

        async def create(client: Client, number: int) -> None:
            made[number] = await client.create(pod(f"pod-{number}"))

        async def update(client: Client, number: int) -> None:
            made[number].metadata.labels["tier"] = "back"
            made[number] = await client.update(made[number])

        patch = b'{"metadata":{"labels":{"tier":"front"}}}'
        await self._calls("api.create.per_s", lambda *call: partial(create, *call), mode="single")
        await self._calls(
            "api.get.per_s", lambda client, n: partial(client.get, core.Pod, NAMESPACE, f"pod-{n}")
        )
        await self._calls("api.update.per_s", lambda *call: partial(update, *call), how="update")
        await self._calls(
            "api.update.per_s",
            lambda client, n: partial(client.patch, core.Pod, NAMESPACE, f"pod-{n}", patch),
            how="patch",
        )

    async def applies(self) -> None:
        for how, image in (("create", "nginx:1.25"), ("unchanged", "nginx:1.25"), ("changed", "nginx:1.26")):

            async def apply(client: Client, number: int, image: str = image) -> None:
                name = f"applied-{number}"
                await client.apply(POD, NAMESPACE, name, document(name, image))

            await self._calls("api.apply.per_s", lambda *call, one=apply: partial(one, *call), how=how)

    async def batches(self) -> None:
        with spent(self._server.pids) as took:
            await self.fill(BATCHED, "batched")
        self._per_s("api.create.per_s", BATCHED, took, mode="batched", batch=BATCH, clients=BATCHERS)

    async def fill(self, count: int, prefix: str = "pod") -> None:
        """Create pods in batches, of several clients at once."""
        firsts = iter(range(0, count, BATCH))

        async def client() -> None:
            channel = transport.channel(self._server.address)
            stub = ObjectServiceStub(channel)
            for first in firsts:
                response = await stub.Batch(
                    wire.BatchRequest(
                        items=map(_item, map(f"{prefix}-{{:05}}".format, range(first, first + BATCH)))
                    )
                )
                assert all(outcome.HasField("done") for outcome in response.outcomes), response.outcomes[0]
            await channel.close()

        await asyncio.gather(*(client() for _ in range(BATCHERS)))

    async def lists(self) -> None:
        for how, version in (("newest", ""), ("cached", "0")):
            for clients in (1, LISTERS):
                await self._list(how, version, clients)

    async def _list(self, how: str, version: str, clients: int) -> None:
        request = wire.ListRequest(reference=PODS, resource_version=version)
        before = usage(self._server.pid).rss_bytes / 2**20
        forget_peak(self._server.pid)
        with spent(self._server.pids) as took:
            counts = await asyncio.gather(*(_listed(self._server.address, request) for _ in range(clients)))
        assert counts == [LISTED] * clients
        params = {"how": how, "clients": clients, "pods": LISTED, **HOW}
        self._report("api.list_50k.s", took.wall_s, "s", **params, **took.cpu_us(clients))
        grown = peak_mib(self._server.pid) - before
        self._report("api.list_50k.rss_mib", grown, "MiB", **params, before_mib=round(before))

    async def fanout(self) -> None:
        ready, delays, sent = asyncio.Semaphore(0), list[float](), dict[str, float]()

        async def watcher(channel: grpc.aio.Channel, sampled: bool) -> None:
            call = ObjectServiceStub(channel).Watch(
                wire.WatchRequest(reference=PODS, resource_version="0", send_initial_events=True)
            )
            left = WATCHED
            async for batch in call:
                now = time.perf_counter()
                for event in batch.events:
                    if event.type == wire.WatchEvent.BOOKMARK:
                        ready.release()
                        continue
                    if sampled:
                        delays.append(now - sent[core.Pod.FromString(event.object).metadata.name])
                    left -= 1
                if not left:
                    call.cancel()
                    return

        channels = [transport.channel(self._server.address) for _ in range(CONNECTIONS)]
        watchers = [
            asyncio.create_task(watcher(channels[n % CONNECTIONS], n % 10 == 0)) for n in range(WATCHERS)
        ]
        for _ in range(WATCHERS):
            await ready.acquire()

        async def create(client: Client, number: int) -> None:
            sent[f"pod-{number}"] = time.perf_counter()
            await client.create(pod(f"pod-{number}"))

        shares = [
            [partial(create, client, number) for number in range(first, WATCHED, 8)]
            for first, client in enumerate(self._clients[:8])
        ]
        with spent(self._server.pids) as took:
            await asyncio.gather(*map(in_turn, shares), *watchers)
        for channel in channels:
            await channel.close()
        self._per_s("api.watch_fanout.events_per_s", WATCHED * WATCHERS, took, watchers=WATCHERS)
        self._report(
            "api.watch_fanout.p99_ms", percentile(delays, 0.99) * 1e3, "ms", watchers=WATCHERS, **HOW
        )


def _item(name: str) -> wire.BatchItem:
    body = wire.Body(protobuf=pod(name).SerializeToString())
    create = wire.CreateRequest(reference=PODS, body=body, options=wire.WriteOptions(field_manager="bench"))
    return wire.BatchItem(create=create)


async def _listed(address: str, request: wire.ListRequest) -> int:
    """How many objects a list has."""
    channel = transport.channel(address)
    count = 0
    async for chunk in ObjectServiceStub(channel).List(request):
        count += len(chunk.objects)
    await channel.close()
    return count
