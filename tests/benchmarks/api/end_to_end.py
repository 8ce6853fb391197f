"""The API as users have it: this process is the clients; server and etcd are processes of their own.

All goes over gRPC on loopback. CPU is the server's and etcd's for each call; all three share the cores.
Objects are made before the clock starts, so that the clients are as little in the way as they can be.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from knarr import transport
from knarr.api.kinds import POD
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import NAMESPACE, create_request, document, pod
from tests.benchmarks.api.server import ServerProcess, api_server
from tests.benchmarks.usage import Spent, Work, in_turn, spent
from tests.support.bench import Report

CLIENTS = 32
CALLS = 9_600
BATCH = 100
BATCHERS = 4
BATCHED = 20_000
HOW = {"transport": "grpc", "store": "etcd"}


async def run(report: Report) -> None:
    async with api_server() as server, server.clients(CLIENTS) as clients:
        bench = EndToEnd(report, server, clients)
        await bench.batches()
        await bench.writes()
        await bench.applies()


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
        made = [pod(f"pod-{number}") for number in range(CALLS)]

        async def create(client: Client, number: int) -> None:
            made[number] = await client.create(made[number])

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
        for specs in ("equal", "distinct"):
            requests = batches(BATCHED, specs, own_specs=specs == "distinct")
            with spent(self._server.pids) as took:
                await create_all(self._server.address, requests)
            how = {"batch": BATCH, "clients": BATCHERS, "specs": specs}
            self._per_s("api.create.per_s", BATCHED, took, mode="batched", **how)


def batches(count: int, prefix: str = "pod", *, own_specs: bool = False) -> list[wire.BatchRequest]:
    """What creates so many pods."""
    creates = [create_request(f"{prefix}-{number:05}", own_spec=own_specs) for number in range(count)]
    return [
        wire.BatchRequest(items=[wire.BatchItem(create=create) for create in creates[first : first + BATCH]])
        for first in range(0, count, BATCH)
    ]


async def create_all(address: str, requests: Iterable[wire.BatchRequest]) -> None:
    """Send batches, of several clients at once."""
    left = iter(requests)

    async def client() -> None:
        channel = transport.channel(address)
        stub = ObjectServiceStub(channel)
        for request in left:
            response = await stub.Batch(request)
            assert all(outcome.HasField("done") for outcome in response.outcomes), response.outcomes[0]
        await channel.close()

    await asyncio.gather(*(client() for _ in range(BATCHERS)))
