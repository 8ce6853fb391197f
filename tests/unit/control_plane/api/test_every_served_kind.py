"""Every served kind through the API: created, read, listed, watched, changed, and deleted."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from control_plane.api.registry import row
from knarr.api import codec
from knarr.api.kinds import KINDS, Kind
from knarr.api.support_stored import STORED
from knarr.errors import NotFound
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, api_world
from tests.support.every_kind import every_kind

DOCUMENTS = every_kind()
DEADLINE_S = 10.0
OPTIONS = wire.WriteOptions(field_manager="tests")


def reference(kind: Kind, name: str = "sample") -> wire.Reference:
    namespace = "default" if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace, name=name)


def body(document: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(document).encode())


async def get(world: ApiWorld, kind: Kind) -> Any:
    answer = await world.reads.get(wire.GetRequest(reference=reference(kind)))
    return kind.message.FromString(answer.object)


async def watched(world: ApiWorld, kind: Kind, version: str) -> list[wire.WatchEvent]:
    """All that becomes of the sample after a version, until it is gone."""
    request = wire.WatchRequest(
        reference=reference(kind, ""), field_selector="metadata.name=sample", resource_version=version
    )
    events: list[wire.WatchEvent] = []
    async with asyncio.timeout(DEADLINE_S), aclosing(world.reads.watch(request)) as batches:
        async for batch in batches:
            events.extend(batch.events)
            if any(event.type == wire.WatchEvent.DELETED for event in events):
                return events
    raise AssertionError("the watch ended")


def test_there_is_a_sample_of_every_kind() -> None:
    assert set(DOCUMENTS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_an_objects_life(kind: Kind) -> None:
    document = DOCUMENTS[kind]
    async with api_world() as world:
        request = wire.CreateRequest(reference=reference(kind, ""), body=body(document), options=OPTIONS)
        made = await world.writes.create(request)
        assert [text for text in made.warnings if "nothing acts on it" in text] == (
            [STORED[kind.name]] if kind.name in STORED else []
        )
        created = await get(world, kind)
        assert kind.message.FromString(made.object) == created
        following = asyncio.create_task(watched(world, kind, created.metadata.resourceVersion))
        try:
            await _listed(world, kind)
            await _change(world, kind)
            await _apply(world, kind)
            await _remove(world, kind)
            events = await following
        finally:
            following.cancel()
        assert {event.type for event in events} == {wire.WatchEvent.MODIFIED, wire.WatchEvent.DELETED}


EMPTY_PATCHES = {
    wire.PatchRequest.STRATEGIC: b"{}",
    wire.PatchRequest.MERGE: b"{}",
    wire.PatchRequest.JSON: b"[]",
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_what_was_read_can_be_written_back_and_changes_nothing(kind: Kind) -> None:
    """Defaults, admission and all that the server fills in are the same the second time."""
    async with api_world() as world:
        applied = wire.ApplyRequest(reference=reference(kind), body=body(DOCUMENTS[kind]), options=OPTIONS)
        assert (await world.writes.apply(applied)).outcome == wire.CREATED
        assert (await world.writes.apply(applied)).outcome == wire.UNCHANGED
        there = await get(world, kind)
        update = wire.UpdateRequest(
            reference=reference(kind), body=body(codec.object_to_dict(there)), options=OPTIONS
        )
        assert (await world.writes.update(update)).outcome == wire.UNCHANGED
        for type_, text in EMPTY_PATCHES.items():
            patch = wire.PatchRequest(reference=reference(kind), type=type_, patch=text, options=OPTIONS)
            assert (await world.writes.patch(patch)).outcome == wire.UNCHANGED
        for subresource in set(kind.subresources) & {"status", "finalize"}:
            assert (await world.writes.update(update, subresource)).outcome == wire.UNCHANGED
        assert await get(world, kind) == there


CREATED_BY_UPDATE = {"Service", "Endpoints", "LimitRange", "Event", "Lease"} | {
    f"{scope}{kind}" for scope in ("", "Cluster") for kind in ("Role", "RoleBinding")
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_an_update_of_what_is_not_there(kind: Kind) -> None:
    async with api_world() as world:
        update = wire.UpdateRequest(reference=reference(kind), body=body(DOCUMENTS[kind]), options=OPTIONS)
        if kind.name in CREATED_BY_UPDATE:
            assert (await world.writes.update(update)).outcome == wire.CREATED
            made = await get(world, kind)
            assert [entry.manager for entry in made.metadata.managedFields] == ["tests"]
            # Who means an object that there was does not make another one.
            await world.writes.delete(wire.DeleteRequest(reference=reference(kind)))
            update = wire.UpdateRequest(reference=reference(kind), body=body(codec.object_to_dict(made)))
        with pytest.raises(NotFound):
            await world.writes.update(update)


async def _listed(world: ApiWorld, kind: Kind) -> None:
    """As objects and as a table."""
    request = wire.ListRequest(reference=reference(kind, ""), field_selector="metadata.name=sample")
    objects = [value async for chunk in world.reads.list(request) for value in chunk.objects]
    assert [kind.message.FromString(value) for value in objects] == [await get(world, kind)]
    request.as_table = True
    rows = [row async for chunk in world.reads.list(request) for row in chunk.table.rows]
    assert [row.reference.name for row in rows] == ["sample"]


async def _change(world: ApiWorld, kind: Kind) -> None:
    """By an update of the whole, of status, and by patches."""
    current = await get(world, kind)
    current.metadata.labels["updated"] = "yes"
    update = wire.UpdateRequest(
        reference=reference(kind), body=wire.Body(protobuf=current.SerializeToString()), options=OPTIONS
    )
    await world.writes.update(update)
    patch = wire.PatchRequest(
        reference=reference(kind),
        type=wire.PatchRequest.MERGE,
        patch=b'{"metadata":{"annotations":{"patched":"yes"}}}',
        options=OPTIONS,
    )
    await world.writes.patch(patch)
    changed = await get(world, kind)
    assert changed.metadata.labels["updated"] == changed.metadata.annotations["patched"] == "yes"
    assert (changed.metadata.generation > 0) == (row(kind).generation is not None)
    if "status" in kind.subresources:
        update.body.protobuf = changed.SerializeToString()
        await world.writes.update(update, "status")


async def _apply(world: ApiWorld, kind: Kind) -> None:
    """What was created, once more: nothing changes but who owns it."""
    before = codec.to_dict(await get(world, kind))
    options = wire.WriteOptions(field_manager="others")
    request = wire.ApplyRequest(
        reference=reference(kind), body=body(DOCUMENTS[kind]), options=options, force=True
    )
    await world.writes.apply(request)
    after = codec.to_dict(await get(world, kind))
    managers = [entry["manager"] for entry in after["metadata"].pop("managedFields")]
    assert "others" in managers
    before["metadata"].pop("managedFields")
    assert after["metadata"].pop("resourceVersion") != before["metadata"].pop("resourceVersion")
    assert after == before


async def _remove(world: ApiWorld, kind: Kind) -> None:
    options = meta.DeleteOptions(propagationPolicy="Background")  # some kinds leave what they own, else
    await world.writes.delete(wire.DeleteRequest(reference=reference(kind), options=options))
    if kind.name == "Namespace":  # which its controller would let go
        going = await get(world, kind)
        del going.spec.finalizers[:]
        finalize = wire.Body(protobuf=going.SerializeToString())
        await world.writes.update(wire.UpdateRequest(reference=reference(kind), body=finalize), "finalize")
    elif kind.name.startswith("PersistentVolume"):  # likewise
        patch = b'{"metadata": {"finalizers": null}}'
        type_ = wire.PatchRequest.MERGE
        await world.writes.patch(wire.PatchRequest(reference=reference(kind), type=type_, patch=patch))
    with pytest.raises(NotFound):
        await get(world, kind)
