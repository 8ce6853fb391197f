"""Claims that wait for their pod, in the running scheduler beside the volume controller."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from control_plane.controllers.volumes import VolumeController
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.deciding import attach, step
from tests.unit.control_plane.scheduler.objects_for_scheduling import until
from tests.unit.control_plane.scheduler.tables.asking import zoned
from tests.unit.control_plane.scheduler.tables.test_volumes_table import LOCAL, claim, claiming, volume
from tests.unit.control_plane.scheduler.test_scheduler_shell import (
    SETTINGS,
    Flaky,
    condition_of,
    node_of,
    running,
)


@pytest.fixture
def model() -> Flaky:
    model = Flaky()
    model.failures, model.sizes, model.beaten_by = [], [], None
    for node in zoned("a", "b"):
        model.put_new(node)
    local = storage.StorageClass(volumeBindingMode="WaitForFirstConsumer")
    local.metadata.name = LOCAL
    model.put_new(local)
    return model


@contextlib.asynccontextmanager
async def controlled(model: Flaky) -> AsyncIterator[None]:
    """The volume controller does its work."""
    controller = VolumeController()
    keys = attach(model, controller)
    keys += [*model.keys(core.PersistentVolumeClaim), *model.keys(core.PersistentVolume)]

    async def work() -> None:
        while True:
            while keys:
                step(model, controller, keys.pop(0))
            await asyncio.sleep(0.005)

    task = asyncio.create_task(work(), name="volumes")
    try:
        yield
    finally:
        task.cancel()


def bound_to(model: Flaky, name: str) -> str:
    found = model.one(core.PersistentVolumeClaim, "default", name)
    return found.spec.volumeName if found.status.phase == "Bound" else ""


async def test_a_claim_gets_a_volume_where_its_pod_goes(model: Flaky) -> None:
    for obj in (volume("v", "a"), volume("w", "b"), claim("x")):
        model.put_new(obj)
    async with controlled(model), running(model):
        model.put_new(claiming("x"))
        await until(lambda: bool(node_of(model, "p")))
        assert bound_to(model, "x") == {"a1": "v", "b1": "w"}[node_of(model, "p")]


async def test_pods_with_one_volume_each_find_room_beside_their_volumes(model: Flaky) -> None:
    for number in range(6):
        model.put_new(volume(f"v{number}", "ab"[number % 2]))
        model.put_new(claim(f"x{number}"))
        model.put_new(claiming(f"x{number}", name=f"p{number}"))
    async with controlled(model), running(model):
        await until(lambda: all(node_of(model, f"p{number}") for number in range(6)))
    for number in range(6):
        name = bound_to(model, f"x{number}")
        assert node_of(model, f"p{number}") == ("a1" if int(name[1:]) % 2 == 0 else "b1")


async def test_without_a_volume_it_waits_and_goes_on_when_one_comes(model: Flaky) -> None:
    model.put_new(claim("x"))
    model.put_new(claiming("x"))
    async with controlled(model), running(model):
        await until(lambda: condition_of(model, "p") is not None)
        model.put_new(volume("late", "b"))
        await until(lambda: node_of(model, "p") == "b1")


async def test_a_volume_that_somebody_else_took_is_let_go(model: Flaky) -> None:
    model.put_new(volume("v", "a"))
    model.put_new(volume("w", "b"))
    model.put_new(claim("x"))
    refused: list[str] = []

    def refuse(verb: str, obj: object) -> None:
        if verb == "update" and isinstance(obj, core.PersistentVolume) and not refused:
            refused.append(obj.metadata.name)
            raise Conflict("somebody was quicker")

    model.refuse = refuse
    async with controlled(model), running(model):
        model.put_new(claiming("x"))
        await until(lambda: bool(node_of(model, "p")))
    assert refused
    assert bound_to(model, "x")


async def test_a_claim_that_is_not_bound_in_time_hands_the_pod_back(model: Flaky) -> None:
    model.put_new(volume("v", "a"))
    model.put_new(claim("x"))
    async with running(model, replace(SETTINGS, volumes_timeout_s=0.05)) as scheduler:
        model.put_new(claiming("x"))
        await until(lambda: model.one(core.PersistentVolume, "", "v").spec.HasField("claimRef"))
        await until(lambda: "default/p" in scheduler.queue)
        assert node_of(model, "p") == ""
        async with controlled(model):
            await until(lambda: node_of(model, "p") == "a1")
