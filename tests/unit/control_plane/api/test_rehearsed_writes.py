"""A dry run answers as the write would, by every way of writing, and leaves the store as it was."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from control_plane.api.messages import metadata
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, POD, POD_DISRUPTION_BUDGET, Kind
from knarr.errors import AlreadyExists, Conflict, Invalid, NotFound
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, api_world
from tests.support.every_kind import every_kind

DOCUMENTS = every_kind()
DEPLOYED = DOCUMENTS[DEPLOYMENT]


def reference(kind: Kind, name: str = "sample") -> wire.Reference:
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace="default", name=name)


def body(document: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(document).encode())


def options(dry_run: bool) -> wire.WriteOptions:
    return wire.WriteOptions(field_manager="tests", dry_run=dry_run)


def update(world: ApiWorld, dry_run: bool, subresource: str, **parts: Any) -> Awaitable[wire.ObjectResponse]:
    document = {**DEPLOYED, **parts}
    request = wire.UpdateRequest(
        reference=reference(DEPLOYMENT), body=body(document), options=options(dry_run)
    )
    return world.writes.update(request, subresource)


def patch(world: ApiWorld, dry_run: bool, subresource: str, **parts: Any) -> Awaitable[wire.ObjectResponse]:
    return world.writes.patch(
        wire.PatchRequest(
            reference=reference(DEPLOYMENT),
            type=wire.PatchRequest.STRATEGIC,
            patch=json.dumps(parts).encode(),
            subresource=subresource,
            options=options(dry_run),
        )
    )


def apply(
    world: ApiWorld, dry_run: bool, subresource: str, document: dict[str, Any]
) -> Awaitable[wire.ObjectResponse]:
    return world.writes.apply(
        wire.ApplyRequest(
            reference=reference(DEPLOYMENT, document["metadata"]["name"]),
            body=body(document),
            subresource=subresource,
            force=True,
            options=options(dry_run),
        )
    )


def create(world: ApiWorld, dry_run: bool) -> Awaitable[wire.ObjectResponse]:
    return world.writes.create(
        wire.CreateRequest(
            reference=reference(CONFIG_MAP, ""), body=body(DOCUMENTS[CONFIG_MAP]), options=options(dry_run)
        )
    )


def delete(world: ApiWorld, dry_run: bool) -> Awaitable[wire.ObjectResponse]:
    given = meta.DeleteOptions(propagationPolicy="Foreground", dryRun=["All"] if dry_run else [])
    return world.writes.delete(wire.DeleteRequest(reference=reference(DEPLOYMENT), options=given))


MORE = {**DEPLOYED["spec"], "replicas": 7}
SCALE = {
    "apiVersion": "autoscaling/v1",
    "kind": "Scale",
    "metadata": {"name": "sample", "namespace": "default"},
    "spec": {"replicas": 7},
}
Way = Callable[[ApiWorld, bool], Awaitable[wire.ObjectResponse]]
WAYS: dict[str, tuple[type[Message], Way]] = {
    "create": (CONFIG_MAP.message, create),
    "update": (DEPLOYMENT.message, lambda world, dry: update(world, dry, "", spec=MORE)),
    "update of status": (
        DEPLOYMENT.message,
        lambda world, dry: update(world, dry, "status", status={"replicas": 7}),
    ),
    "patch": (DEPLOYMENT.message, lambda world, dry: patch(world, dry, "", spec={"replicas": 7})),
    "patch of scale": (
        autoscaling.Scale,
        lambda world, dry: patch(world, dry, "scale", spec={"replicas": 7}),
    ),
    "apply": (DEPLOYMENT.message, lambda world, dry: apply(world, dry, "", {**DEPLOYED, "spec": MORE})),
    "apply, new": (
        DEPLOYMENT.message,
        lambda world, dry: apply(world, dry, "", {**DEPLOYED, "metadata": {"name": "new"}}),
    ),
    "apply of status": (
        DEPLOYMENT.message,
        lambda world, dry: apply(world, dry, "status", {**DEPLOYED, "status": {"replicas": 7}}),
    ),
    "apply of scale": (autoscaling.Scale, lambda world, dry: apply(world, dry, "scale", SCALE)),
    "delete": (DEPLOYMENT.message, delete),
}


async def moment(world: ApiWorld) -> int:
    return (await world.store.list("/")).version


def answered(message: type[Message], answer: wire.ObjectResponse) -> tuple[int, list[str], Message]:
    """What a write says of itself, without what differs each time."""
    obj = message.FromString(answer.object)
    own = metadata(obj)
    own.resourceVersion = own.uid = ""
    for times in (own.creationTimestamp, own.deletionTimestamp, *(each.time for each in own.managedFields)):
        times.seconds = 0
    return answer.outcome, list(answer.warnings), obj


@pytest.mark.parametrize(("message", "way"), WAYS.values(), ids=WAYS)
async def test_a_rehearsal_answers_as_the_write_and_writes_nothing(message: type[Message], way: Way) -> None:
    async with api_world() as world:
        await apply(world, False, "", DEPLOYED)
        before = await moment(world)
        rehearsed = answered(message, await way(world, True))
        assert await moment(world) == before
        assert rehearsed == answered(message, await way(world, False))
        assert await moment(world) != before


async def test_what_would_be_refused_is_refused() -> None:
    async with api_world() as world:
        await apply(world, False, "", DEPLOYED)
        await create(world, False)
        before = await moment(world)
        with pytest.raises(AlreadyExists):
            await create(world, True)
        with pytest.raises(Invalid):
            await patch(world, True, "", spec={"replicas": -1})
        with pytest.raises(Conflict):
            await patch(world, True, "", metadata={"resourceVersion": "1"})
        some = wire.DeleteRequest(
            reference=reference(DEPLOYMENT), options=meta.DeleteOptions(dryRun=["Some"])
        )
        with pytest.raises(Invalid, match="dryRun: Unsupported value"):
            await world.writes.delete(some)
        with pytest.raises(NotFound):
            await world.writes.delete(wire.DeleteRequest(reference=reference(POD), dry_run=True))
        assert await moment(world) == before


async def test_a_rehearsed_deletion_of_many_and_an_eviction_leave_all_there() -> None:
    async with api_world() as world:
        for kind in (POD, POD_DISRUPTION_BUDGET):
            request = wire.CreateRequest(reference=reference(kind, ""), body=body(DOCUMENTS[kind]))
            await world.writes.create(request)
        before = await moment(world)
        answer = await world.writes.delete(wire.DeleteRequest(reference=reference(POD, ""), dry_run=True))
        assert answer.status.message == "1 deleted"
        await world.writes.create(
            wire.CreateRequest(reference=reference(POD), subresource="eviction", options=options(True))
        )
        assert await moment(world) == before
