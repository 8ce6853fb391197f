"""Over gRPC: a client's flood is bounded and told so, others are served beside it, and the metrics say it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from control_plane.server.flow.settings import FlowSettings, GateSettings
from control_plane.server.objects import Identity, ObjectServicer, Serving
from control_plane.store.interface import Outcome, Write
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr import transport
from knarr.client import Client
from knarr.client.calls import api_error
from knarr.errors import ApiError, NotFound, TooManyRequests
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import (
    ObjectServiceStub,
    add_ObjectServiceServicer_to_server,
)
from tests.support.api import api_world
from tests.support.waiting import until

if TYPE_CHECKING:
    from knarr.proto.services.object_service_pb2_grpc import ObjectServiceAsyncStub

IDENTITY = Identity("0.1", "cluster", "replica", ("api",))
REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
FEW = FlowSettings(
    calls=GateSettings(at_once=4, waiting=16, waiting_each=3), lists_each=2, watches=5, watches_each=2
)


class HeldStore(MemoryStore):
    """A store that is slow to write, until it is let go."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend())
        self.open = asyncio.Event()
        self.open.set()
        self.held = 0

    async def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.held += 1
        await self.open.wait()
        self.held -= 1
        return await super().write(writes)


class Served:
    """A server and clients of it, each with a connection of its own."""

    def __init__(self, store: HeldStore, registry: CollectorRegistry, address: str) -> None:
        self.store = store
        self._registry = registry
        self._address = address
        self._stack = contextlib.AsyncExitStack()

    def client(self) -> Client:
        client = Client(transport.channel(self._address), timeout_s=10.0)
        self._stack.push_async_callback(client.close)
        return client

    def stub(self) -> "ObjectServiceAsyncStub":
        channel = transport.channel(self._address)
        self._stack.push_async_callback(channel.close)
        return ObjectServiceStub(channel)

    async def close(self) -> None:
        await self._stack.aclose()

    def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels; 0 for one that is not there."""
        for each in generate_latest(self._registry).decode().splitlines():
            if each.startswith(f"{line} "):
                return float(each.rpartition(" ")[2])
        return 0.0


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    store, registry = HeldStore(), CollectorRegistry()
    async with api_world(store) as world:
        server, port = transport.server("127.0.0.1:0")
        serving = Serving(flow=FEW, registry=registry)
        servicer = ObjectServicer(world.api, world.lister, world.watches, world.writer, IDENTITY, serving)
        add_ObjectServiceServicer_to_server(servicer, server)
        await server.start()
        made = Served(store, registry, f"127.0.0.1:{port}")
        try:
            yield made
        finally:
            store.open.set()
            await made.close()
            await server.stop(0.5)


async def create(stub: "ObjectServiceAsyncStub", name: str) -> ApiError | None:
    """What a create is refused with."""
    obj = core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"))
    request = wire.CreateRequest(reference=REFERENCE, body=wire.Body(protobuf=obj.SerializeToString()))
    return await refusal(stub.Create(request, timeout=10.0))


async def refusal(call: Awaitable[object]) -> ApiError | None:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return api_error(error)
    return None


async def test_a_flood_is_turned_away_and_others_are_served_beside_it(served: Served) -> None:
    flood, other = served.stub(), served.client()
    served.store.open.clear()
    calls = [asyncio.create_task(create(flood, f"flood-{number}"), name="flood") for number in range(20)]
    # Four are under way, three wait, and the rest are told to come again.
    await until(lambda: served.metric('knarr_api_turned_away_total{sort="calls"}') == 13, "refusals")
    assert served.metric('knarr_api_waiting{sort="calls"}') == 3
    assert served.metric('knarr_api_requests_in_flight{method="Create"}') == 7
    reading = asyncio.create_task(other.get(core.ConfigMap, "default", "none"), name="reading")
    await until(lambda: served.metric('knarr_api_waiting{sort="calls"}') == 4, "another client waits")
    served.store.open.set()
    with pytest.raises(NotFound):
        await reading
    refused = [error for error in await asyncio.gather(*calls) if error is not None]
    assert len(refused) == 13
    assert all(isinstance(error, TooManyRequests) and error.retry_after_s >= 1 for error in refused)
    assert served.metric('knarr_api_requests_total{code="200",method="Create"}') == 7
    assert served.metric('knarr_api_requests_total{code="429",method="Create"}') == 13
    assert served.metric('knarr_api_requests_total{code="404",method="Get"}') == 1
    assert served.metric('knarr_api_request_seconds_count{method="Create"}') == 20
    assert served.metric('knarr_api_waiting{sort="calls"}') == 0


async def test_a_client_that_is_turned_away_comes_again_by_itself(served: Served) -> None:
    served.store.open.clear()
    client = served.client()
    objects = [
        core.ConfigMap(metadata=meta.ObjectMeta(name=f"c-{number}", namespace="default"))
        for number in range(9)
    ]
    creates = [asyncio.create_task(client.create(obj), name="create") for obj in objects]
    await until(lambda: served.metric('knarr_api_turned_away_total{sort="calls"}') == 2, "refusals")
    served.store.open.set()
    made = await asyncio.gather(*creates)
    assert [obj.metadata.name for obj in made] == [obj.metadata.name for obj in objects]


async def test_requests_whose_clients_leave_hold_no_place(served: Served) -> None:
    served.store.open.clear()
    stub = served.stub()
    calls = [asyncio.create_task(create(stub, f"c-{number}"), name="create") for number in range(7)]
    await until(lambda: served.metric('knarr_api_waiting{sort="calls"}') == 3, "three wait")
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    await until(lambda: served.metric('knarr_api_requests_in_flight{method="Create"}') == 0, "all have left")
    assert served.metric('knarr_api_waiting{sort="calls"}') == 0
    assert served.metric('knarr_api_requests_total{code="499",method="Create"}') == 7
    served.store.open.set()
    assert await create(stub, "after") is None


async def test_watches_and_lists_of_a_client_are_bounded(served: Served) -> None:
    stub, other = served.stub(), served.stub()
    request = wire.WatchRequest(reference=REFERENCE, send_initial_events=True)
    watches = [stub.Watch(request) for _ in range(2)]
    for watch in watches:
        await watch.read()
    assert served.metric('knarr_api_open{sort="watches"}') == 2
    assert served.metric('knarr_api_watchers{kind="configmaps"}') == 2
    error = await refusal(_all(stub.Watch(request)))
    assert isinstance(error, TooManyRequests)
    assert error.retry_after_s >= 1
    watches.append(other.Watch(request))
    await watches[-1].read()
    for watch in watches:
        watch.cancel()
    await until(lambda: served.metric('knarr_api_open{sort="watches"}') == 0, "all have ended")
    assert served.metric('knarr_api_turned_away_total{sort="watches"}') == 1


async def test_a_list_that_nobody_takes_holds_up_nobody(served: Served) -> None:
    client, idle = served.client(), served.stub()
    for number in range(24):
        obj = core.ConfigMap(metadata=meta.ObjectMeta(name=f"c-{number}", namespace="default"))
        obj.data["v"] = "x" * 500_000
        await client.create(obj)
    lists = [idle.List(wire.ListRequest(reference=REFERENCE)) for _ in range(2)]
    for each in lists:
        await each.read()
    await until(lambda: served.metric('knarr_api_open{sort="lists"}') == 2, "both are under way")
    assert isinstance(await refusal(_all(idle.List(wire.ListRequest(reference=REFERENCE)))), TooManyRequests)
    assert len((await client.list(core.ConfigMap, "default")).items) == 24
    assert [len(objects) for objects in await asyncio.gather(*map(_all, lists))] == [22, 22]
    assert served.metric('knarr_api_open{sort="lists"}') == 0


async def _all(call: Any) -> list[bytes]:
    """All objects that are still to come."""
    found: list[bytes] = []
    while (message := await call.read()) is not grpc.aio.EOF:
        found += getattr(message, "objects", ())
    return found
