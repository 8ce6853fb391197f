"""Gangs in the running scheduler: what is bound, what is said, what is given up."""

from typing import Any

import pytest

from control_plane.controllers.actions import key_of
from control_plane.objects.interface import DeleteOptions
from knarr.api.codec import from_dict
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod, until
from tests.unit.control_plane.scheduler.test_scheduler_shell import (
    Flaky,
    condition_of,
    events,
    node_of,
    running,
)


@pytest.fixture
def model() -> Flaky:
    model = Flaky()
    model.failures, model.sizes, model.beaten_by = [], [], None
    return model


def group(at_least: int, timeout_s: int = 60, name: str = "train") -> scheduling.PodGroup:
    policy = {"gang": {"minCount": at_least}} if at_least else {"basic": {}}
    return from_dict(
        {
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
            "spec": {"schedulingPolicy": policy, "scheduleTimeoutSeconds": timeout_s},
        },
        scheduling.PodGroup,
    )


def worker(number: int, cpu: str = "1", group: str = "train", **spec: Any) -> core.Pod:
    return make_pod(f"w{number}", requests={"cpu": cpu}, schedulingGroup={"podGroupName": group}, **spec)


def nodes_of(model: Flaky, count: int) -> list[str]:
    return [node_of(model, f"w{number}") for number in range(count)]


def message(model: Flaky, name: str) -> str:
    condition = condition_of(model, name)
    return condition.message if condition else ""


def told(model: Flaky) -> tuple[str, str]:
    conditions = model.one(scheduling.PodGroup, "default", "train").status.conditions
    return (conditions[0].status, conditions[0].message) if conditions else ("", "")


async def test_pods_wait_for_their_group_and_for_each_other(model: Flaky) -> None:
    model.put_new(make_node("a"))
    async with running(model):
        for number in range(3):
            model.put_new(worker(number))
        await until(lambda: "does not exist" in message(model, "w2"))
        assert message(model, "w0") == "waiting for PodGroup default/train, which does not exist"
        model.put_new(group(4))
        await until(lambda: "waiting until" in message(model, "w0"))
        assert message(model, "w0") == (
            "waiting until gang default/train has the 4 pods that must run together"
        )
        assert nodes_of(model, 3) == [""] * 3
        model.put_new(worker(3))
        await until(lambda: all(nodes_of(model, 4)))
        await until(lambda: told(model)[0] == "True")
    assert model.sizes == [4]


async def test_a_gang_without_room_holds_nothing_until_there_is_room_for_all(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="3"))
    model.put_new(group(4))
    for number in range(4):
        model.put_new(worker(number))
    async with running(model) as scheduler:
        await until(lambda: told(model)[0] == "False")
        assert told(model)[1].startswith("3 of 4 pods of gang default/train fit at once: 0/1 nodes")
        assert not any(nodes_of(model, 4))
        assert not scheduler.cluster.pods
        model.put_new(make_pod("other", requests={"cpu": "2"}))  # what it does not hold others may have
        await until(lambda: node_of(model, "other") == "a")
        model.put_new(make_node("b", cpu="3"))
        await until(lambda: all(nodes_of(model, 4)))


async def test_two_gangs_do_not_lock_each_other_out(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="4"))
    for name in ("train", "other"):
        model.put_new(group(3, name=name))
    async with running(model):
        for number in range(3):
            model.put_new(worker(number))
            model.put_new(worker(number + 3, group="other"))
        await until(lambda: sum(map(bool, nodes_of(model, 6))) == 3)
        bound = {number // 3 for number, node in enumerate(nodes_of(model, 6)) if node}
        assert len(bound) == 1
        first = bound.pop() * 3
        for number in range(first, first + 3):
            pod = model.one(core.Pod, "default", f"w{number}")
            model.remove(key_of(pod), DeleteOptions(grace_period_s=0))
        await until(lambda: sum(map(bool, nodes_of(model, 6))) == 3)


async def test_a_replacement_comes_alone(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(group(3))
    async with running(model):
        for number in range(3):
            model.put_new(worker(number))
        await until(lambda: all(nodes_of(model, 3)))
        model.remove(key_of(model.one(core.Pod, "default", "w1")), DeleteOptions(grace_period_s=0))
        model.put_new(worker(7))
        await until(lambda: node_of(model, "w7") == "a")


async def test_pods_of_a_basic_group_are_placed_by_themselves(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="1"))
    async with running(model):
        model.put_new(worker(0))
        model.put_new(worker(1))
        await until(lambda: "does not exist" in message(model, "w1"))
        model.put_new(group(0))
        await until(lambda: sum(map(bool, nodes_of(model, 2))) == 1)


async def test_room_is_made_for_a_gang_as_a_whole(model: Flaky) -> None:
    for name in "ab":
        model.put_new(make_node(name, cpu="2"))
        model.put_new(make_pod(f"low-{name}", requests={"cpu": "2"}, priority=1))
    model.put_new(group(2))
    async with running(model):
        await until(lambda: bool(node_of(model, "low-a") and node_of(model, "low-b")))
        for number in range(2):
            model.put_new(worker(number, cpu="2", priority=10))
        await until(lambda: len(events(model, "Preempted")) == 2)
        assert not any(nodes_of(model, 2))
        for name in "ab":
            low = model.one(core.Pod, "default", f"low-{name}")
            model.remove(key_of(low), DeleteOptions(grace_period_s=0))
        await until(lambda: sorted(nodes_of(model, 2)) == ["a", "b"])


async def test_a_failed_binding_of_a_gang_is_tried_again_whole(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(group(3))
    model.failures = [Conflict("someone was quicker")]
    for number in range(3):
        model.put_new(worker(number))
    async with running(model):
        await until(lambda: all(nodes_of(model, 3)))
    assert sum(model.sizes) >= 6


async def test_nodes_held_in_vain_are_given_up(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="2"))
    model.put_new(group(3, timeout_s=1))
    model.put_new(worker(0, nodeName="a"))  # bound by someone who did not finish
    async with running(model):
        model.put_new(worker(1))
        model.put_new(worker(2))
        await until(lambda: model.one(core.Pod, "default", "w0").metadata.HasField("deletionTimestamp"))
    assert events(model, "GangIncomplete") == ["1 pods held nodes in vain and were deleted"]
    assert not node_of(model, "w1")


async def test_the_next_leader_counts_who_is_bound(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(group(3))
    model.put_new(worker(0, nodeName="a"))
    model.put_new(worker(1, nodeName="a"))
    model.put_new(worker(2))
    async with running(model):
        await until(lambda: node_of(model, "w2") == "a")
