"""Binding a pod to a node, as clients and schedulers of their own do it."""

import json
from typing import Any

import pytest

from knarr.api.kinds import POD
from knarr.errors import ApiError, Conflict, Invalid, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world

REFERENCE = wire.Reference(api_version="v1", kind="Pod", namespace="default", name="p")
NODE = {"apiVersion": "v1", "kind": "Node", "name": "n1"}


async def pod(world: ApiWorld, *gates: str) -> core.Pod:
    made = core.Pod()
    made.metadata.name, made.metadata.namespace = "p", "default"
    made.metadata.labels["zone"] = "mine"
    made.spec.containers.add(name="c", image="i:1")
    for gate in gates:
        made.spec.schedulingGates.add(name=gate)
    created = (await world.api.create(POD, "default", made, OPTIONS)).obj
    assert isinstance(created, core.Pod)
    return created


async def bind(
    world: ApiWorld, target: dict[str, str] = NODE, *, dry_run: bool = False, **own: Any
) -> wire.ObjectResponse:
    document = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p", **own}, "target": target}
    return await world.writes.create(
        wire.CreateRequest(
            reference=REFERENCE,
            body=wire.Body(json=json.dumps(document).encode()),
            subresource="binding",
            options=wire.WriteOptions(dry_run=dry_run),
        )
    )


async def stored(world: ApiWorld) -> core.Pod:
    found = await world.api.get(POD, "default", "p")
    assert isinstance(found, core.Pod)
    return found


async def test_a_binding_brings_annotations_and_labels() -> None:
    async with api_world() as world:
        made = await pod(world)
        answer = await bind(
            world,
            uid=made.metadata.uid,
            resourceVersion=made.metadata.resourceVersion,
            annotations={"by": "me"},
            labels={"zone": "other", "rack": "7"},
        )
        assert (answer.status.status, answer.status.code) == ("Success", 201)
        bound = await stored(world)
        assert bound.spec.nodeName == "n1"
        assert dict(bound.metadata.annotations) == {"by": "me"}
        assert dict(bound.metadata.labels) == {"zone": "mine", "rack": "7"}
        assert [(each.type, each.status) for each in bound.status.conditions] == [("PodScheduled", "True")]
        assert bound.metadata.managedFields == made.metadata.managedFields


REFUSED: dict[str, tuple[dict[str, Any], type[ApiError], str]] = {
    "another pod of the name": (
        {"uid": "x"},
        Conflict,
        'Operation cannot be fulfilled on pods/binding "p": Precondition failed: UID in precondition: x',
    ),
    "another state": (
        {"resourceVersion": "1"},
        Conflict,
        "Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ",
    ),
    "no node": (
        {"target": {"kind": "Node"}},
        Invalid,
        'Binding "p" is invalid: target.name: Required value',
    ),
    "no kind of node": (
        {"target": {"kind": "Pod", "name": "x"}},
        Invalid,
        'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
    ),
}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("binding", "error", "message"), REFUSED.values(), ids=REFUSED)
async def test_refusals(binding: dict[str, Any], error: type[ApiError], message: str, dry_run: bool) -> None:
    async with api_world() as world:
        made = await pod(world)
        with pytest.raises(error) as caught:
            await bind(world, **binding, dry_run=dry_run)
        assert message in caught.value.message
        assert await stored(world) == made


async def test_a_pod_is_bound_once_and_a_rehearsal_tells() -> None:
    async with api_world() as world:
        await pod(world)
        await bind(world, dry_run=True)
        assert not (await stored(world)).spec.nodeName
        await bind(world)
        for dry_run in (False, True):
            with pytest.raises(Conflict, match='pod p is already assigned to node "n1"'):
                await bind(world, {**NODE, "name": "n2"}, dry_run=dry_run)


async def test_gates_hold_a_pod_and_there_must_be_one() -> None:
    async with api_world() as world:
        with pytest.raises(NotFound):
            await bind(world)
        await pod(world, "example.com/wait")
        with pytest.raises(Conflict, match="pod p has non-empty"):
            await bind(world)
