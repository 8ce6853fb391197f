"""Deletions as clients ask for them: of many at once, with and without what they own."""

import json
from typing import Any

import pytest

from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, JOB, NAMESPACE, POD, REPLICATION_CONTROLLER, Kind
from knarr.errors import BadRequest, Conflict, MethodNotAllowed, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, add_namespace, api_world
from tests.support.every_kind import every_kind

DOCUMENTS = every_kind()


def reference(kind: Kind, name: str = "", namespace: str = "default") -> wire.Reference:
    where = namespace if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=where, name=name)


async def create(world: ApiWorld, kind: Kind, name: str = "sample", namespace: str = "default") -> None:
    document = {**DOCUMENTS[kind], "metadata": {"name": name, "labels": {"half": str(len(name) % 2)}}}
    body = wire.Body(json=json.dumps(document).encode())
    await world.writes.create(wire.CreateRequest(reference=reference(kind, "", namespace), body=body))


async def delete(world: ApiWorld, kind: Kind, name: str = "", **more: Any) -> wire.ObjectResponse:
    given = {"reference": reference(kind, name), **more}
    return await world.writes.delete(wire.DeleteRequest(**given))


def left(world: ApiWorld) -> list[str]:
    return [obj.metadata.name for obj in world.objects.list(core.ConfigMap, "default")]


NAMES = [f"c{number}" for number in range(5)] + [f"cc{number:03}" for number in range(70)]


async def test_all_that_labels_match_go() -> None:
    async with api_world() as world:
        for name in NAMES:
            await create(world, CONFIG_MAP, name)
        answer = await delete(world, CONFIG_MAP, label_selector="half=1")
        assert (answer.outcome, answer.status.message) == (wire.DELETED, "70 deleted")
        assert left(world) == NAMES[:5]


async def test_all_that_fields_match_go_and_then_all() -> None:
    async with api_world(namespaces=("default", "other")) as world:
        for name in NAMES[:5]:
            await create(world, CONFIG_MAP, name)
        await create(world, CONFIG_MAP, "elsewhere", "other")
        await delete(world, CONFIG_MAP, field_selector="metadata.name=c1")
        assert left(world) == ["c0", "c2", "c3", "c4"]
        with pytest.raises(BadRequest, match="not a known field selector"):
            await delete(world, CONFIG_MAP, field_selector="spec.nodeName=n")
        await delete(world, CONFIG_MAP)
        assert left(world) == []
        assert world.objects.get(core.ConfigMap, "other", "elsewhere") is not None


async def test_nothing_is_deleted_of_all_namespaces_nor_all_namespaces() -> None:
    async with api_world() as world:
        await create(world, CONFIG_MAP)
        await add_namespace(world, "other")
        for kind, namespace in ((CONFIG_MAP, ""), (NAMESPACE, "")):
            with pytest.raises(MethodNotAllowed):
                await delete(world, kind, reference=reference(kind, "", namespace))
        assert left(world) == ["sample"]


async def test_what_a_precondition_does_not_hold_of_stays() -> None:
    async with api_world() as world:
        await create(world, CONFIG_MAP)
        options = meta.DeleteOptions(preconditions=meta.Preconditions(uid="another"))
        with pytest.raises(Conflict, match="the UID in the precondition"):
            await delete(world, CONFIG_MAP, options=options)
        assert left(world) == ["sample"]


async def test_pods_of_a_collection_have_each_their_grace() -> None:
    async with api_world() as world:
        for name in ("bound", "waiting"):
            await create(world, POD, name)
        bound: Any = await world.api.get(POD, "default", "bound")
        binding = {"metadata": {"name": "bound"}, "target": {"kind": "Node", "name": "n"}}
        await world.writes.create(
            wire.CreateRequest(
                reference=reference(POD, "bound"),
                subresource="binding",
                body=wire.Body(json=json.dumps({"apiVersion": "v1", "kind": "Binding", **binding}).encode()),
            )
        )
        await delete(world, POD)
        bound = await world.api.get(POD, "default", "bound")
        assert bound.metadata.deletionGracePeriodSeconds == 30
        with pytest.raises(NotFound):
            await world.api.get(POD, "default", "waiting")


@pytest.mark.parametrize("kind", [JOB, REPLICATION_CONTROLLER, DEPLOYMENT], ids=str)
async def test_some_kinds_leave_what_they_own_unless_told(kind: Kind) -> None:
    async with api_world() as world:
        await create(world, kind)
        answer = await delete(world, kind, "sample")
        if kind is DEPLOYMENT:
            assert answer.outcome == wire.DELETED
            return
        assert answer.outcome == wire.DELETING
        held: Any = await world.api.get(kind, "default", "sample")
        assert list(held.metadata.finalizers) == ["orphan"]
        answer = await delete(
            world, kind, "sample", options=meta.DeleteOptions(propagationPolicy="Background")
        )
        assert answer.outcome == wire.DELETED
