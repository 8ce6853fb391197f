"""ObjectService as clients reach it: real gRPC on loopback, bad input, slow clients, a store that is gone."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from control_plane.api.settings import ApiSettings
from control_plane.server.objects import Identity, ObjectServicer, Serving
from control_plane.store.interface import Store
from knarr import transport
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT
from knarr.client import Client
from knarr.client.calls import api_error
from knarr.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Invalid,
    NotFound,
    Timeout,
    TooLarge,
    Unavailable,
)
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import (
    ObjectServiceStub,
    add_ObjectServiceServicer_to_server,
)
from tests.support.api import ApiWorld, api_world
from tests.support.etcd import real_etcd

if TYPE_CHECKING:
    from knarr.proto.services.object_service_pb2_grpc import ObjectServiceAsyncStub

IDENTITY = Identity("0.1", "cluster", "replica", ("api",))
REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
SETTINGS = ApiSettings(store_timeout_s=1.0)


@contextlib.asynccontextmanager
async def served(
    store: Store | None = None, settings: ApiSettings = SETTINGS, send_timeout_s: float = 60.0
) -> AsyncIterator[tuple[ApiWorld, "ObjectServiceAsyncStub", Client]]:
    """An api server on a free port of loopback, with a stub and a client of it."""
    async with api_world(store, settings=settings) as world:
        server, port = transport.server("127.0.0.1:0")
        servicer = ObjectServicer(
            world.api,
            world.lister,
            world.watches,
            world.writer,
            IDENTITY,
            Serving(send_timeout_s=send_timeout_s),
        )
        add_ObjectServiceServicer_to_server(servicer, server)
        await server.start()
        channel = transport.channel(f"127.0.0.1:{port}")
        client = Client(channel, timeout_s=10.0)
        try:
            yield world, ObjectServiceStub(channel), client
        finally:
            await client.close()
            await server.stop(0.5)


def config_map(name: str = "c", value: str = "1") -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"), data={"v": value})


async def refused(call: Any) -> ApiError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return api_error(failed.value)


async def rest(watch: Any) -> list[wire.WatchBatch]:
    """All batches that are still to come."""
    batches = []
    while (batch := await watch.read()) is not grpc.aio.EOF:
        batches.append(batch)
    return batches


async def test_an_objects_life() -> None:
    async with served() as (_, _, client):
        made = await client.create(config_map())
        assert made == await client.get(core.ConfigMap, "default", "c")
        made.data["v"] = "2"
        changed = await client.update(made)
        assert changed.data["v"] == "2"
        with pytest.raises(Conflict, match="the object has been modified"):
            await client.update(made)
        listed = await client.list(core.ConfigMap, "default")
        assert listed.items == [changed]
        with pytest.raises(AlreadyExists):
            await client.create(config_map())
        await client.delete(CONFIG_MAP, "default", "c")
        with pytest.raises(NotFound, match='configmaps "c" not found'):
            await client.get(core.ConfigMap, "default", "c")


async def test_a_watch_over_grpc_ends_when_its_time_is_up() -> None:
    async with served() as (world, stub, client):
        request = wire.WatchRequest(reference=REFERENCE, timeout_seconds=1)
        watch = stub.Watch(request)
        reading = asyncio.create_task(_names(watch), name="reading")
        await client.create(config_map("a"))
        await client.create(config_map("b"))
        async with asyncio.timeout(10):
            assert await reading == ["a", "b"]
        assert world.watches.watchers(CONFIG_MAP) == 0


async def _names(watch: Any) -> list[str]:
    return [
        core.ConfigMap.FromString(event.object).metadata.name
        async for batch in watch
        for event in batch.events
    ]


async def test_a_watch_that_is_left_leaves_nothing_behind() -> None:
    async with served() as (world, stub, client):
        watch = stub.Watch(wire.WatchRequest(reference=REFERENCE))
        await client.create(config_map("a"))
        first = await watch.read()
        assert isinstance(first, wire.WatchBatch)
        assert len(first.events) == 1
        watch.cancel()
        async with asyncio.timeout(5):
            while world.watches.watchers(CONFIG_MAP):
                await client.get(core.ConfigMap, "default", "a")


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    async with served(send_timeout_s=0.3) as (world, stub, client):
        watch = stub.Watch(wire.WatchRequest(reference=REFERENCE))
        await client.create(config_map("first"))
        await watch.read()
        for number in range(150):
            await client.create(config_map(f"c{number}", "x" * 200_000))
        async with asyncio.timeout(10):
            while world.watches.watchers(CONFIG_MAP):
                await client.get(core.ConfigMap, "default", "first")
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await rest(watch)
        assert api_error(ended.value).reason == "TooManyRequests"


async def test_a_watcher_that_is_too_slow_is_told_so() -> None:
    settings = replace(SETTINGS, watch_history=16, watch_history_bytes=400_000)
    async with served(settings=settings) as (_, stub, client):
        watch = stub.Watch(wire.WatchRequest(reference=REFERENCE))
        await client.create(config_map("first"))
        await watch.read()
        for number in range(200):
            await client.create(config_map(f"c{number}", "x" * 200_000))
        async with asyncio.timeout(20):
            last = (await rest(watch))[-1].events[-1]
        assert (last.type, last.status.reason) == (wire.WatchEvent.ERROR, "Expired")


async def test_large_objects_are_refused_with_the_limit() -> None:
    async with served() as (_, stub, client):
        pod = core.Pod(metadata=meta.ObjectMeta(name="two", namespace="default"))
        pod.spec.containers.add(name="c", image="i:1", args=["x" * 2_000_000])
        with pytest.raises(TooLarge, match="the limit is 1048576 bytes"):
            await client.create(pod)
        text = json.dumps({"metadata": {"name": "five"}, "data": {"v": "x" * 5_000_000}}).encode()
        for body in (wire.Body(json=text), wire.Body(yaml=text)):
            error = await refused(stub.Create(wire.CreateRequest(reference=REFERENCE, body=body)))
            assert isinstance(error, TooLarge)
            assert "limit is 3145728 bytes" in error.message
        huge = wire.Body(json=b"x" * 20_000_000)
        error = await refused(stub.Create(wire.CreateRequest(reference=REFERENCE, body=huge)))
        assert isinstance(error, TooLarge)


BAD_BODIES: dict[str, tuple[wire.Body, type[ApiError], str]] = {
    "nothing": (wire.Body(), BadRequest, "no body"),
    "no JSON": (wire.Body(json=b"{"), BadRequest, "is not JSON"),
    "no object": (wire.Body(json=b"[1]"), BadRequest, "the body is no object"),
    "no YAML": (wire.Body(yaml=b"a: [1"), BadRequest, "body"),
    "two documents": (wire.Body(yaml=b"a: 1\n---\nb: 2\n"), BadRequest, "2 documents"),
    "no protobuf": (wire.Body(protobuf=b"\xff\xff\xff"), BadRequest, "ConfigMap"),
    "another kind": (wire.Body(json=b'{"kind":"Secret"}'), BadRequest, "the object provided is v1 Secret"),
    "unknown fields": (
        wire.Body(json=b'{"metadata":{"nam":"a"},"dat":{}}'),
        BadRequest,
        "did you mean name?",
    ),
    "a field twice": (
        wire.Body(json=b'{"data":{"a":"1","a":"2"}}'),
        BadRequest,
        "data.a: the field is given twice",
    ),
    "a wrong type": (wire.Body(json=b'{"metadata":{"name":"a"},"data":{"a":1}}'), BadRequest, "data"),
    "a bad name": (wire.Body(json=b'{"metadata":{"name":"A_b"}}'), Invalid, "metadata.name"),
    "no name": (wire.Body(json=b"{}"), Invalid, "name or generateName is required"),
    "surrogates": (
        wire.Body(json=b'{"metadata":{"name":"a"},"data":{"a":"\\ud800"}}'),
        BadRequest,
        "Unicode",
    ),
}


@pytest.mark.parametrize(("body", "error", "says"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_bad_bodies(body: wire.Body, error: type[ApiError], says: str) -> None:
    async with served() as (world, stub, _):
        told = await refused(stub.Create(wire.CreateRequest(reference=REFERENCE, body=body)))
        assert type(told) is error
        assert says in told.message
        assert not world.objects.list(core.ConfigMap)


async def test_unknown_fields_may_be_warned_of_or_ignored() -> None:
    async with served() as (_, stub, _):
        answers = []
        for name, validation in (("a", wire.WARN), ("b", wire.IGNORE)):
            body = wire.Body(json=json.dumps({"metadata": {"name": name}, "dat": {}}).encode())
            options = wire.WriteOptions(field_validation=validation)
            answers.append(
                await stub.Create(wire.CreateRequest(reference=REFERENCE, body=body, options=options))
            )
        assert [len(answer.warnings) for answer in answers] == [1, 0]
        assert "did you mean data?" in answers[0].warnings[0]


async def test_every_cause_comes_over_the_wire() -> None:
    document = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": -1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "C_1"}]}},
        },
    }
    async with served() as (_, stub, _):
        request = wire.CreateRequest(
            reference=wire.Reference(api_version="apps/v1", kind="Deployment", namespace="default"),
            body=wire.Body(json=json.dumps(document).encode()),
        )
        error = await refused(stub.Create(request))
        assert isinstance(error, Invalid)
        assert {cause.field for cause in error.causes} >= {
            "spec.replicas",
            "spec.template.metadata.labels",
            "spec.template.spec.containers[0].name",
            "spec.template.spec.containers[0].image",
        }
        assert error.subject is not None
        assert (error.subject.kind, error.subject.group, error.subject.name) == ("Deployment", "apps", "web")


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (wire.Reference(api_version="v1", kind="Widget"), 'no kind "Widget"'),
        (wire.Reference(api_version="v2", kind="Pod"), 'no kind "Pod" in version "v2"'),
    ],
)
async def test_kinds_that_there_are_not(reference: wire.Reference, says: str) -> None:
    async with served() as (_, stub, _):
        error = await refused(stub.Get(wire.GetRequest(reference=reference)))
        assert isinstance(error, NotFound)
        assert says in error.message
        events = [
            event
            async for batch in stub.Watch(wire.WatchRequest(reference=reference))
            for event in batch.events
        ]
        assert [event.status.reason for event in events] == ["NotFound"]
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            async for _ in stub.List(wire.ListRequest(reference=reference)):
                pass
        assert isinstance(api_error(failed.value), NotFound)


async def test_names_of_request_and_object_must_agree() -> None:
    async with served() as (_, stub, client):
        await client.create(config_map())
        cases = {
            b"{}": "name must be provided",
            b'{"metadata":{"name":"d"}}': "does not match the name on the URL",
            b'{"metadata":{"name":"c","namespace":"other"}}': "does not match the namespace on the request",
        }
        reference = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default", name="c")
        for body, says in cases.items():
            error = await refused(
                stub.Update(wire.UpdateRequest(reference=reference, body=wire.Body(json=body)))
            )
            assert isinstance(error, BadRequest)
            assert says in error.message


async def test_what_the_server_serves() -> None:
    async with served() as (_, stub, _):
        answer = await stub.Resources(wire.ResourcesRequest())
        found = {resource.kind: resource for resource in answer.resources}
        assert "deploy" in found[DEPLOYMENT.name].short_names
        info = await stub.ServerInfo(wire.ServerInfoRequest())
        assert info.cluster_id == "cluster"


@pytest.mark.etcd
async def test_when_etcd_is_down() -> None:
    async with real_etcd() as etcd, served(etcd.store()) as (world, stub, client):
        await client.create(config_map())
        await etcd.kill()
        calls: dict[str, Callable[[], Any]] = {
            "get": lambda: stub.Get(_get("c")),
            "create": lambda: stub.Create(_create("d")),
            "update": lambda: stub.Update(_update("c", "2")),
            "delete": lambda: stub.Delete(wire.DeleteRequest(reference=_get("c").reference)),
        }
        async with asyncio.timeout(20):
            for call in calls.values():
                error = await refused(call())
                assert isinstance(error, Unavailable | Timeout)
                assert "etcd" in error.message
            # What needs no store still works.
            cached = wire.ListRequest(reference=REFERENCE, resource_version="0")
            chunks = [chunk async for chunk in stub.List(cached)]
            assert [len(chunk.objects) for chunk in chunks if chunk.objects] == [1]
        await etcd.start()
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(ApiError):
                    changed = await client.update(config_map(value="after"))
                    break
        assert changed.data["v"] == "after"
        assert world.objects.get(core.ConfigMap, "default", "c") == changed


def _get(name: str) -> wire.GetRequest:
    return wire.GetRequest(
        reference=wire.Reference(api_version="v1", kind="ConfigMap", namespace="default", name=name)
    )


def _create(name: str) -> wire.CreateRequest:
    body = wire.Body(protobuf=config_map(name).SerializeToString())
    return wire.CreateRequest(reference=REFERENCE, body=body)


def _update(name: str, value: str) -> wire.UpdateRequest:
    body = wire.Body(protobuf=config_map(name, value).SerializeToString())
    return wire.UpdateRequest(reference=_get(name).reference, body=body)


@pytest.mark.etcd
async def test_lists_and_watches_on_real_etcd() -> None:
    async with real_etcd() as etcd, served(etcd.store()) as (_, _, client):
        for number in range(25):
            await client.create(config_map(f"c{number:02}"))
        first = await client.list(core.ConfigMap, "default", limit=10)
        await client.delete(CONFIG_MAP, "default", "c15")
        second = await client.list(core.ConfigMap, "default", limit=20, continue_token=first.continue_token)
        names = [obj.metadata.name for obj in (*first.items, *second.items)]
        assert names == [f"c{number:02}" for number in range(25)]
        async with asyncio.timeout(10):
            async for event in client.watch(
                core.ConfigMap, "default", resource_version=first.resource_version
            ):
                assert (event.type, event.object.metadata.name) == ("DELETED", "c15")
                break
