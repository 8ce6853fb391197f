"""What a quota costs: pods created in a namespace without one and with one, in turns, in one run.

End to end, as end_to_end.py. With a quota each pod is written in one step with what it is charged to.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from knarr import transport
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from tests.benchmarks.api.documents import pod
from tests.benchmarks.api.server import ServerProcess, api_server
from tests.benchmarks.usage import Spent, in_turn, spent
from tests.support.bench import Report

CLIENTS = 32
BATCHERS = 4
BATCH = 100
TURNS = 3
SINGLE = 2_400  # pods of one turn
BATCHED = 4_000
COUNTS = {"single": SINGLE, "batched": BATCHED}
HOW = {"transport": "grpc", "store": "etcd"}
FREE, LIMITED = "free", "limited"


async def run(report: Report) -> None:
    async with api_server() as server, server.clients(CLIENTS) as clients:
        await _prepare(clients[0])
        took = {(mode, name): Spent() for mode in COUNTS for name in (FREE, LIMITED)}
        for turn in range(TURNS):
            for namespace in (FREE, LIMITED):
                _add(took["single", namespace], await _single(server, clients, namespace, turn))
                _add(took["batched", namespace], await _batched(server, namespace, turn))
    for (mode, namespace), each in took.items():
        count = COUNTS[mode] * TURNS
        params = {"mode": mode, "quotas": int(namespace == LIMITED), **HOW, **each.cpu_us(count)}
        report("api.create_in_quota.per_s", count / each.wall_s, "per s", **params)


def _add(whole: Spent, part: Spent) -> None:
    whole.wall_s += part.wall_s
    for name, taken in part.cpu_s.items():
        whole.cpu_s[name] = whole.cpu_s.get(name, 0.0) + taken


async def _prepare(client: Client) -> None:
    for name in (FREE, LIMITED):
        namespace = core.Namespace()
        namespace.metadata.name = name
        await client.create(namespace)
    quota = core.ResourceQuota()
    quota.metadata.name, quota.metadata.namespace = "most", LIMITED
    for name in ("pods", "count/pods"):
        quota.spec.hard[name].string = "1000000"
    await client.create(quota)


def _pod(namespace: str, name: str) -> core.Pod:
    made = pod(name)
    made.metadata.namespace = namespace
    return made


async def _single(server: ServerProcess, clients: Sequence[Client], namespace: str, turn: int) -> Spent:
    async def create(client: Client, number: int) -> None:
        await client.create(_pod(namespace, f"single-{turn}-{number}"))

    shares = [
        [partial(create, client, number) for number in range(first, SINGLE, CLIENTS)]
        for first, client in enumerate(clients)
    ]
    with spent(server.pids) as took:
        await asyncio.gather(*map(in_turn, shares))
    return took


async def _batched(server: ServerProcess, namespace: str, turn: int) -> Spent:
    firsts = iter(range(0, BATCHED, BATCH))

    async def client() -> None:
        channel = transport.channel(server.address)
        stub = ObjectServiceStub(channel)
        for first in firsts:
            names = [f"batched-{turn}-{number}" for number in range(first, first + BATCH)]
            response = await stub.Batch(wire.BatchRequest(items=[_item(namespace, name) for name in names]))
            assert all(outcome.HasField("done") for outcome in response.outcomes), response.outcomes[0]
        await channel.close()

    with spent(server.pids) as took:
        await asyncio.gather(*(client() for _ in range(BATCHERS)))
    return took


def _item(namespace: str, name: str) -> wire.BatchItem:
    reference = wire.Reference(api_version="v1", kind="Pod", namespace=namespace)
    body = wire.Body(protobuf=_pod(namespace, name).SerializeToString())
    options = wire.WriteOptions(field_manager="bench")
    return wire.BatchItem(create=wire.CreateRequest(reference=reference, body=body, options=options))
