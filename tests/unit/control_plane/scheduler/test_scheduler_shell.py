"""The scheduler's loop on a model of the API: what it binds, what it says, what it does on failure."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest
from prometheus_client import CollectorRegistry

from control_plane.controllers.actions import key_of
from control_plane.objects.interface import Binding, DeleteOptions
from control_plane.scheduler.scheduler import Scheduler
from control_plane.scheduler.settings import SchedulerSettings
from knarr.clock import SystemClock
from knarr.errors import ApiError, Conflict, Timeout, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.model import Model
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod, until

SETTINGS = SchedulerSettings(
    backoff_first_s=0.01, backoff_most_s=0.05, report_again_s=0.0, reports_per_s=1_000.0, bind_timeout_s=0.5
)


class Flaky(Model):
    """A model whose bind fails as told: one outcome per call, None for what the model does."""

    failures: list[ApiError | None]
    sizes: list[int]
    beaten_by: Callable[[Binding], None] | None

    async def bind(self, bindings: Sequence[Binding]) -> Sequence[ApiError | None]:
        self.sizes.append(len(bindings))
        failure = self.failures.pop(0) if self.failures else None
        await asyncio.sleep(0)
        if self.beaten_by is not None:
            self.beaten_by(bindings[0])
            self.beaten_by = None
        if failure is not None:
            raise failure
        return await super().bind(bindings)


@pytest.fixture
def model() -> Flaky:
    model = Flaky()
    model.failures, model.sizes, model.beaten_by = [], [], None
    return model


@contextlib.asynccontextmanager
async def running(model: Model, settings: SchedulerSettings = SETTINGS) -> AsyncGenerator[Scheduler, None]:
    registry = CollectorRegistry()
    scheduler = Scheduler(model, model, model, SystemClock(), random.Random(1), settings, registry=registry)
    task = asyncio.create_task(scheduler.run(), name="scheduler")
    try:
        yield scheduler
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def node_of(model: Model, name: str) -> str:
    pod = model.get(core.Pod, "default", name)
    return pod.spec.nodeName if pod else ""


def condition_of(model: Model, name: str) -> core.PodCondition | None:
    pod = model.one(core.Pod, "default", name)
    return next((c for c in pod.status.conditions if c.type == "PodScheduled"), None)


def events(model: Model, reason: str) -> list[str]:
    return [event.message for event in model.events if event.reason == reason]


async def test_pods_that_exist_and_pods_that_come_are_bound(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(make_pod("before"))
    async with running(model):
        await until(lambda: node_of(model, "before") == "a")
        model.put_new(make_pod("after"))
        await until(lambda: node_of(model, "after") == "a")
        await until(lambda: len(events(model, "Scheduled")) == 2)
    assert "Successfully assigned default/after to a" in events(model, "Scheduled")


async def test_many_pods_are_bound_in_few_calls_and_fill_nodes_exactly(model: Flaky) -> None:
    for name in "abc":
        model.put_new(make_node(name, pods="100"))
    for number in range(300):
        model.put_new(make_pod(f"p{number}"))
    async with running(model):
        await until(lambda: all(node_of(model, f"p{number}") for number in range(300)))
    placed = [pod.spec.nodeName for pod in model.list(core.Pod)]
    assert {name: placed.count(name) for name in "abc"} == {"a": 100, "b": 100, "c": 100}
    assert len(model.sizes) <= 20


async def test_pods_of_others_gated_ending_and_finished_ones_are_left_alone(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(make_pod("other", schedulerName="their-scheduler"))
    model.put_new(make_pod("gated", schedulingGates=[{"name": "example.com/wait"}]))
    ending = make_pod("ending")
    ending.metadata.deletionTimestamp.seconds = 1
    model.put_new(ending)
    finished = make_pod("finished")
    finished.status.phase = "Failed"
    model.put_new(finished)
    model.put_new(make_pod("ours", schedulerName="knarr-scheduler"))
    async with running(model):
        await until(lambda: node_of(model, "ours") == "a")
        gated = model.one(core.Pod, "default", "gated")
        gated.spec.ClearField("schedulingGates")
        model.put(gated)
        await until(lambda: node_of(model, "gated") == "a")
    assert [node_of(model, name) for name in ("other", "ending", "finished")] == ["", "", ""]


async def test_unschedulable_is_said_once_and_ends_when_room_appears(model: Flaky) -> None:
    model.put_new(make_node("small", cpu="1"))
    model.put_new(make_node("cordoned", unschedulable=True))
    model.put_new(make_pod("big", requests={"cpu": "3"}))
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. "
        "Cordoned, though it could do: cordoned."
    )
    async with running(model):
        await until(lambda: events(model, "FailedScheduling") == [message])
        condition = condition_of(model, "big")
        assert condition is not None
        assert (condition.status, condition.reason, condition.message) == ("False", "Unschedulable", message)
        model.put_new(make_pod("filler"))  # helps nobody: nothing more is said
        await until(lambda: node_of(model, "filler") == "small")
        model.put_new(make_node("large", cpu="8"))
        await until(lambda: node_of(model, "big") == "large")
    assert events(model, "FailedScheduling") == [message]


async def test_a_new_pod_whose_like_is_parked_is_told_too(model: Flaky) -> None:
    model.put_new(make_node("small", cpu="1"))
    async with running(model):
        for name in ("first", "second"):
            model.put_new(make_pod(name, requests={"cpu": "3"}))
            await until(lambda name=name: condition_of(model, name) is not None)  # type: ignore[misc]
    message = (
        "0/1 nodes are available: 1 Insufficient cpu. "
        "The pod requests 3 cpu, and no node has more than 1 in all."
    )
    assert events(model, "FailedScheduling") == [message, message]


async def test_without_nodes_the_reason_is_that_there_are_none(model: Flaky) -> None:
    model.put_new(make_pod("alone"))
    async with running(model):
        await until(lambda: events(model, "FailedScheduling") == ["no nodes available to schedule pods"])
        model.put_new(make_node("a"))
        await until(lambda: node_of(model, "alone") == "a")


async def test_a_pod_waits_until_another_goes(model: Flaky) -> None:
    model.put_new(make_node("a", pods="1"))
    model.put_new(make_pod("first"))
    async with running(model):
        await until(lambda: node_of(model, "first") == "a")
        model.put_new(make_pod("second"))
        said = "0/1 nodes are available: 1 Too many pods. 1 node could take it if it had room."
        await until(lambda: events(model, "FailedScheduling") == [said])
        first = model.one(core.Pod, "default", "first")
        first.status.phase = "Succeeded"
        model.put_status(first)
        await until(lambda: node_of(model, "second") == "a")


@pytest.mark.parametrize("error", [Unavailable("no store"), Timeout("unknown"), Conflict("changed")], ids=str)
async def test_a_failed_binding_is_undone_and_tried_again(model: Flaky, error: ApiError) -> None:
    model.put_new(make_node("a", pods="1"))
    model.put_new(make_pod("p"))
    model.failures = [error, error]
    async with running(model) as scheduler:
        await until(lambda: node_of(model, "p") == "a")
        await until(lambda: not scheduler.cluster.pods["default/p"].assumed)
    assert model.sizes == [1, 1, 1]
    assert len(scheduler.queue) == 0


async def test_a_pod_bound_by_someone_else_meanwhile_is_left_there(model: Flaky) -> None:
    model.put_new(make_node("a"))
    model.put_new(make_node("b"))
    model.put_new(make_pod("p"))
    model.failures = [Conflict("bound already")]

    def beat(binding: Binding) -> None:
        pod = model.one(core.Pod, "default", "p")
        pod.spec.nodeName = "b" if binding.node_name == "a" else "a"
        model.put(pod)

    model.beaten_by = beat
    async with running(model) as scheduler:
        await until(lambda: bool(node_of(model, "p")) and "default/p" in scheduler.cluster.pods)
        await until(lambda: scheduler.cluster.pods["default/p"].node == node_of(model, "p"))
        await until(lambda: len(scheduler.queue) == 0)


async def test_a_pod_deleted_while_it_waits_or_flies_is_forgotten(model: Flaky) -> None:
    pod = model.put_new(make_pod("p"))
    async with running(model) as scheduler:
        await until(lambda: len(scheduler.queue) == 1)
        await until(lambda: bool(events(model, "FailedScheduling")))
        model.remove(key_of(pod))
        await until(lambda: len(scheduler.queue) == 0)


async def test_a_second_run_takes_over_without_binding_anything_twice(model: Flaky) -> None:
    model.put_new(make_node("a", pods="5"))
    for number in range(3):
        model.put_new(make_pod(f"p{number}"))
    async with running(model):
        await until(lambda: all(node_of(model, f"p{number}") for number in range(3)))
    calls = len(model.sizes)
    async with running(model) as scheduler:
        await until(lambda: len(scheduler.cluster.pods) == 3)
        model.put_new(make_pod("p3"))
        await until(lambda: node_of(model, "p3") == "a")
    assert model.sizes[calls:] == [1]


async def test_a_higher_priority_goes_first(model: Flaky) -> None:
    for number in range(5):
        model.put_new(make_pod(f"low{number}", priority=1))
    model.put_new(make_pod("urgent", priority=10))
    model.put_new(make_node("a", pods="1"))
    async with running(model):
        await until(lambda: node_of(model, "urgent") == "a")
    assert not any(node_of(model, f"low{number}") for number in range(5))


async def test_an_urgent_pod_gets_room_and_nobody_takes_it_meanwhile(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="2"))
    model.put_new(make_pod("low", requests={"cpu": "2"}, priority=1))
    async with running(model):
        await until(lambda: node_of(model, "low") == "a")
        model.put_new(make_pod("urgent", requests={"cpu": "2"}, priority=10))
        await until(lambda: model.one(core.Pod, "default", "urgent").status.nominatedNodeName == "a")
        model.put_new(make_pod("sneaky", requests={"cpu": "2"}, priority=1))
        await until(lambda: condition_of(model, "sneaky") is not None)
        low = model.one(core.Pod, "default", "low")
        assert low.metadata.HasField("deletionTimestamp")
        model.remove(key_of(low), DeleteOptions(grace_period_s=0))  # its node has stopped it
        await until(lambda: node_of(model, "urgent") == "a")
    assert node_of(model, "sneaky") == ""
    assert events(model, "Preempted") == [
        f"Preempted by pod {model.one(core.Pod, 'default', 'urgent').metadata.uid} on node a"
    ]


async def test_a_more_urgent_pod_takes_the_room_of_one_that_is_not_there_yet(model: Flaky) -> None:
    model.put_new(make_node("a", cpu="2"))
    model.put_new(make_pod("low", requests={"cpu": "2"}, priority=1))
    async with running(model):
        await until(lambda: node_of(model, "low") == "a")
        model.put_new(make_pod("urgent", requests={"cpu": "2"}, priority=10))
        await until(lambda: model.one(core.Pod, "default", "urgent").status.nominatedNodeName == "a")
        model.put_new(make_pod("extreme", requests={"cpu": "2"}, priority=100))
        await until(lambda: model.one(core.Pod, "default", "extreme").status.nominatedNodeName == "a")
        low = model.one(core.Pod, "default", "low")
        model.remove(key_of(low), DeleteOptions(grace_period_s=0))  # its node has stopped it
        await until(lambda: node_of(model, "extreme") == "a")
    assert node_of(model, "urgent") == ""
    assert model.get(core.Pod, "default", "urgent") is not None


async def test_the_next_leader_waits_for_the_victims_of_the_one_before(model: Flaky) -> None:
    for name in "ab":
        model.put_new(make_node(name, cpu="2"))
        model.put_new(make_pod(f"low-{name}", requests={"cpu": "2"}, priority=1))
    async with running(model):
        await until(lambda: bool(node_of(model, "low-a") and node_of(model, "low-b")))
        model.put_new(make_pod("urgent", requests={"cpu": "2"}, priority=10))
        await until(lambda: bool(model.one(core.Pod, "default", "urgent").status.nominatedNodeName))
    nominated = model.one(core.Pod, "default", "urgent").status.nominatedNodeName
    async with running(model) as scheduler:
        await until(lambda: "default/urgent" in scheduler.cluster.pods)  # its room is kept again
        going = [pod for pod in model.list(core.Pod) if pod.metadata.HasField("deletionTimestamp")]
        assert [pod.spec.nodeName for pod in going] == [nominated]
        model.remove(key_of(going[0]), DeleteOptions(grace_period_s=0))
        await until(lambda: node_of(model, "urgent") == nominated)
    assert len(events(model, "Preempted")) == 1
