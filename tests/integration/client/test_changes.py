"""Changing objects through the client: many at once, through subresources, and what is refused unsent."""

import asyncio

import pytest

from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT
from knarr.client import Client
from knarr.client.sending import Request, Settle
from knarr.errors import Conflict, NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.served import served_api

WRITERS = 20


def config_map(name: str, **data: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace="default"), data=data)


def deployment(replicas: int) -> apps.Deployment:
    made = apps.Deployment(metadata=meta.ObjectMeta(name="d", namespace="default"))
    made.spec.replicas = replicas
    made.spec.selector.matchLabels["app"] = "d"
    made.spec.template.metadata.labels["app"] = "d"
    made.spec.template.spec.containers.add(name="c", image="i:1")
    return made


def add(found: core.ConfigMap) -> None:
    found.data["n"] = str(int(found.data["n"]) + 1)


class Unlucky(Client):
    """Somebody else always writes between its reads and its writes."""

    reads = 0

    async def send(
        self, request: Request, *, settle: Settle | None = None, timeout_s: float | None = None
    ) -> wire.ObjectResponse:
        answer = await super().send(request, settle=settle, timeout_s=timeout_s)
        if isinstance(request, wire.GetRequest):
            self.reads += 1
            patch = {"metadata": {"annotations": {"reads": str(self.reads)}}}
            await self.patch(core.ConfigMap, "default", "c", patch)
        return answer


async def test_changes_of_one_object_at_once_are_all_made() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        await client.create(config_map("c", n="0"))
        changes = (client.change(core.ConfigMap, "default", "c", add) for _ in range(WRITERS))
        await asyncio.gather(*changes)
        assert (await client.get(core.ConfigMap, "default", "c")).data["n"] == str(WRITERS)


async def test_a_change_that_always_loses_ends_with_its_time() -> None:
    async with served_api() as api, Unlucky.connect([api.address], timeout_s=1.0) as client:
        await client.create(config_map("c", n="0"))
        with pytest.raises(Conflict):
            await client.change(core.ConfigMap, "default", "c", add)
        assert client.reads > 1


async def test_nothing_is_written_when_nothing_changes() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        made = await client.create(config_map("c"))
        same = await client.change(core.ConfigMap, "default", "c", lambda found: None)
        assert same.metadata.resourceVersion == made.metadata.resourceVersion


async def test_what_the_function_raises_ends_the_change() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        await client.create(config_map("c", n="none"))
        with pytest.raises(ValueError, match="invalid literal"):
            await client.change(core.ConfigMap, "default", "c", add)
        with pytest.raises(NotFound):
            await client.change(core.ConfigMap, "default", "other", add)


async def test_scales_and_status() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        await client.create(deployment(1))
        scaled = await client.scale(apps.Deployment, "default", "d", 3)
        assert scaled.spec.replicas == 3
        assert (await client.get_scale(DEPLOYMENT, "default", "d")).spec.replicas == 3

        def observe(found: apps.Deployment) -> None:
            found.status.replicas = 3
            found.spec.replicas = 9

        found = await client.change(apps.Deployment, "default", "d", observe, status=True)
        assert (found.status.replicas, found.spec.replicas) == (3, 3)


async def test_forms_of_what_is_applied() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '1'}}"
        await client.apply(core.ConfigMap, "default", "c", yaml)
        json = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"b":"2"}}'
        result = await client.apply(CONFIG_MAP, "default", "c", json)
        assert isinstance(result.object, core.ConfigMap)
        # The first of these fields is no longer asked for by who owned it.
        assert dict(result.object.data) == {"b": "2"}
        typed = await client.apply(core.ConfigMap, "default", "c", core.ConfigMap(data={"c": "3"}))
        assert dict(typed.object.data) == {"c": "3"}


async def test_what_would_mean_something_else_is_not_sent() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        with pytest.raises(ValueError, match="an object to delete has a name"):
            await client.delete(core.ConfigMap, "default", "")
        with pytest.raises(ValueError, match="no object of the kind"):
            await client.patch(
                apps.Deployment, "default", "d", {"spec": {"replicas": 2}}, subresource="scale"
            )


async def test_what_the_server_says_of_itself() -> None:
    async with served_api() as api, Client.connect([api.address]) as client:
        assert {"Pod", "Deployment"} <= {found.kind for found in await client.resources()}
        assert (await client.explain(apps.Deployment, "spec.replicas")).default == "1"
        dry = await client.create(config_map("dry"), dry_run=True)
        assert dry.metadata.uid
        with pytest.raises(NotFound):
            await client.get(core.ConfigMap, "default", "dry")
