"""Claims that wait for their pod, in the running scheduler beside the volume controller."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from control_plane.controllers.volumes import VolumeController
from control_plane.objects.interface import Binding, M
from control_plane.volumes.taking import is_taken
from knarr.errors import Conflict, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.deciding import attach, step
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_pod, until
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
    made = Flaky()
    furnish(made)
    return made


def furnish(model: Flaky) -> None:
    """Nodes a1 and b1 in zones a and b, and a class that waits."""
    model.failures, model.sizes, model.beaten_by = [], [], None
    for node in zoned("a", "b"):
        model.put_new(node)
    local = storage.StorageClass(volumeBindingMode="WaitForFirstConsumer")
    local.metadata.name = LOCAL
    model.put_new(local)


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
        await until(lambda: bool(bound_to(model, "x")))
        assert bound_to(model, "x") == {"a1": "v", "b1": "w"}[node_of(model, "p")]


async def test_pods_with_one_volume_each_find_room_beside_their_volumes(model: Flaky) -> None:
    for number in range(6):
        model.put_new(volume(f"v{number}", "ab"[number % 2]))
        model.put_new(claim(f"x{number}"))
        model.put_new(claiming(f"x{number}", name=f"p{number}"))
    async with controlled(model), running(model):
        await until(lambda: all(bound_to(model, f"x{number}") for number in range(6)))
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
        await until(lambda: bool(bound_to(model, "x")))
    assert refused
    assert node_of(model, "p") == {"v": "a1", "w": "b1"}[bound_to(model, "x")]


async def test_a_volume_is_only_taken_until_the_pod_is_on_its_node(model: Flaky) -> None:
    model.put_new(volume("v", "a"))
    model.put_new(claim("x"))
    model.put_new(claiming("x"))
    async with running(model):
        await until(lambda: node_of(model, "p") == "a1")
    assert is_taken(model.one(core.PersistentVolume, "", "v"))
    assert bound_to(model, "x") == ""
    async with controlled(model):
        await until(lambda: bound_to(model, "x") == "v")
    assert not is_taken(model.one(core.PersistentVolume, "", "v"))


async def test_a_pod_that_could_not_be_bound_goes_where_another_volume_is(model: Flaky) -> None:
    """The volume of its first node stays pointed at its claim; that must not keep it there."""
    model.put_new(volume("v", "a"))
    model.put_new(claim("x"))

    def beaten(binding: Binding) -> None:
        cordoned = model.one(core.Node, "", binding.node_name)
        cordoned.spec.unschedulable = True
        model.put(cordoned)

    model.beaten_by, model.failures = beaten, [Unavailable("just now")]
    async with controlled(model), running(model):
        model.put_new(claiming("x"))
        await until(lambda: is_taken(model.one(core.PersistentVolume, "", "v")))
        await until(lambda: model.one(core.Node, "", "a1").spec.unschedulable)
        model.put_new(volume("w", "b"))
        await until(lambda: bound_to(model, "x") == "w")
        assert node_of(model, "p") == "b1"
        await until(lambda: not model.one(core.PersistentVolume, "", "v").spec.HasField("claimRef"))


class Slow(Flaky):
    """A store that does not answer to writes of some volumes until it is told to."""

    stuck: set[str]
    freed: asyncio.Event

    async def update(self, obj: M) -> M:
        if isinstance(obj, core.PersistentVolume) and obj.metadata.name in self.stuck:
            await self.freed.wait()
        return await super().update(obj)


def slow(stuck: set[str], pods: int) -> Slow:
    made = Slow()
    furnish(made)
    made.stuck, made.freed = stuck, asyncio.Event()
    for number in range(pods):
        made.put_new(volume(f"v{number}", "a"))
        made.put_new(claim(f"x{number}"))
        made.put_new(claiming(f"x{number}", name=f"p{number}"))
    return made


async def test_one_slow_volume_holds_nobody_else_up() -> None:
    model = slow({"v0"}, pods=6)
    async with running(model):
        await until(lambda: sum(bool(node_of(model, f"p{number}")) for number in range(6)) == 5)
        model.put_new(make_pod("plain"))
        await until(lambda: bool(node_of(model, "plain")))
        model.freed.set()
        await until(lambda: all(node_of(model, f"p{number}") for number in range(6)))


async def test_deciding_waits_while_too_many_volumes_are_being_taken() -> None:
    model = slow({f"v{number}" for number in range(8)}, pods=8)
    async with running(model, replace(SETTINGS, volumes_backlog=3)) as scheduler:
        await until(lambda: len(scheduler.cluster.pods) == 3)
        await asyncio.sleep(0)
        assert len(scheduler.cluster.pods) == 3
        model.freed.set()
        await until(lambda: all(node_of(model, f"p{number}") for number in range(8)))


async def test_what_is_not_written_in_time_hands_the_pod_back() -> None:
    model = slow({"v0"}, pods=1)
    async with running(model, replace(SETTINGS, volumes_timeout_s=0.05)) as scheduler:
        await until(lambda: "default/p0" in scheduler.cluster.pods)
        await until(lambda: "default/p0" in scheduler.queue)
        assert node_of(model, "p0") == ""
        model.freed.set()
        await until(lambda: node_of(model, "p0") == "a1")
