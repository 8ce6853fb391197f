"""Controllers made with the client: every change is acted on, and failures are tried again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from knarr.client import Client, Controller, Informers, controlled_by, own_key
from knarr.errors import Conflict, Unavailable
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.served import served_api
from tests.support.waiting import until


def config_map(name: str, value: str = "1") -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"), data={"v": value})


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[Client, Informers]]:
    async with (
        served_api() as api,
        Client.connect([api.address]) as client,
        client.informers() as informers,
    ):
        yield client, informers


@contextlib.asynccontextmanager
async def running(controller: Controller) -> AsyncIterator[None]:
    task = asyncio.create_task(controller.run(), name="controller")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()


async def test_what_exists_and_what_changes_is_reconciled() -> None:
    seen: list[tuple[str, str | None]] = []
    async with connected() as (client, informers):
        maps = informers.of(core.ConfigMap)

        async def reconcile(namespace: str, name: str) -> float | None:
            found = maps.get(namespace, name)
            seen.append((name, found.data["v"] if found is not None else None))
            return None

        await client.create(config_map("a"))
        controller = Controller("test", reconcile)
        controller.watches(maps)
        async with running(controller):
            await until(lambda: ("a", "1") in seen)
            await client.update(config_map("a", "2"))
            await until(lambda: ("a", "2") in seen)
            await client.delete(core.ConfigMap, "default", "a")
            await until(lambda: ("a", None) in seen)
            controller.add("default", "other")
            await until(lambda: ("other", None) in seen)


async def test_failures_are_tried_again() -> None:
    errors: list[Exception] = [Conflict("raced"), Unavailable("away"), LookupError("defect")]
    calls: list[str] = []
    async with connected() as (client, informers):

        async def reconcile(namespace: str, name: str) -> float | None:
            calls.append(name)
            if errors:
                raise errors.pop(0)
            return 0.01 if len(calls) < 6 else None

        controller = Controller("test", reconcile)
        controller.watches(informers.of(core.ConfigMap))
        await client.create(config_map("a"))
        async with running(controller):
            # Three failures, a success that wants to look again, until it no longer does.
            await until(lambda: len(calls) == 6)
        assert calls == ["a"] * 6


async def test_a_change_is_told_to_the_owner_before_and_after() -> None:
    seen: list[str] = []
    async with connected() as (client, informers):

        async def reconcile(namespace: str, name: str) -> float | None:
            seen.append(name)
            return None

        controller = Controller("test", reconcile)
        controller.watches(informers.of(core.ConfigMap), controlled_by(apps.Deployment))
        async with running(controller):
            made = config_map("a")
            made.metadata.ownerReferences.add(
                apiVersion="apps/v1", kind="Deployment", name="one", uid="u1", controller=True
            )
            made = await client.create(made)
            await until(lambda: seen == ["one"])
            made.metadata.ownerReferences[0].name = "two"
            await client.update(made)
            await until(lambda: sorted(seen) == ["one", "one", "two"])


def test_keys_of_objects() -> None:
    made = config_map("a")
    assert list(own_key(made)) == [("default", "a")]
    made.metadata.ownerReferences.add(apiVersion="v1", kind="Node", name="n", uid="u", controller=True)
    made.metadata.ownerReferences.add(apiVersion="apps/v1", kind="Deployment", name="d", uid="u")
    assert list(controlled_by(core.Node)(made)) == [("", "n")]
    assert list(controlled_by(apps.Deployment)(made)) == []
