"""Pods that fit nowhere are tried again when a node gets better, however many steps that takes."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control_plane.controllers.actions import key_of
from control_plane.objects.interface import DeleteOptions
from control_plane.scheduler.scheduler import Scheduler
from control_plane.scheduler.settings import SchedulerSettings
from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.model import Model
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod, until

SETTINGS = SchedulerSettings(backoff_first_s=0.01, backoff_most_s=0.05, reports_per_s=1_000.0)
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
Step = Callable[[Model], None]


@contextlib.asynccontextmanager
async def scheduling(model: Model) -> AsyncGenerator[None, None]:
    scheduler = Scheduler(
        model, model, model, SystemClock(), random.Random(1), SETTINGS, registry=CollectorRegistry()
    )
    task = asyncio.create_task(scheduler.run(), name="scheduler")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def a_node(**how: Any) -> Step:
    """The node is there, and so."""

    def step(model: Model) -> None:
        node = make_node("late", **how)
        known = model.get(core.Node, "", "late")
        if known is None:
            model.put_new(node)
        else:
            node.metadata.CopyFrom(known.metadata)
            node.metadata.resourceVersion = ""
            model.put(node)
            model.put_status(node)

    return step


def the_pod_goes(model: Model) -> None:
    model.remove(key_of(model.one(core.Pod, "default", "there")), DeleteOptions(grace_period_s=0))


def a_pod_is_there(model: Model) -> None:
    model.put_new(make_pod("there", requests={"cpu": "4"}, node="late"))


STEPS: dict[str, list[Step]] = {
    "a node comes and is ready later": [a_node(taints=[NOT_READY]), a_node()],
    "a node comes and has something to give later": [a_node(cpu="0"), a_node()],
    "a node comes and is uncordoned later": [a_node(unschedulable=True), a_node()],
    "it is ready, and then has room": [
        a_node(taints=[NOT_READY]),
        a_pod_is_there,
        a_node(),
        the_pod_goes,
    ],
    "it has room, and then is ready": [
        a_node(taints=[NOT_READY]),
        a_pod_is_there,
        the_pod_goes,
        a_node(),
    ],
}


@pytest.mark.parametrize("others", [[], [make_node("small", cpu="1")]], ids=["no nodes", "one that is full"])
@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
async def test_a_node_gets_better_step_by_step(steps: list[Step], others: list[core.Node]) -> None:
    model = Model()
    for node in others:
        model.put_new(node)
    model.put_new(make_pod("waits", requests={"cpu": "2"}))

    def waits() -> core.Pod:
        return model.one(core.Pod, "default", "waits")

    async with scheduling(model):
        await until(lambda: any(row.type == "PodScheduled" for row in waits().status.conditions))
        for number, step in enumerate(steps):
            step(model)
            # a pod that the scheduler has seen after it: so it has seen the step
            model.put_new(make_pod(f"probe-{number}", nodeSelector={"step": str(number)}))
            await until(partial(conditions, model, f"probe-{number}"))
        await until(lambda: waits().spec.nodeName == "late", deadline_s=5.0)


@pytest.mark.parametrize("policy", ["PreemptLowerPriority", "Never"])
async def test_a_node_gets_better_and_its_pods_can_be_stopped(policy: str) -> None:
    model = Model()
    a_node(unschedulable=True)(model)
    a_pod_is_there(model)
    model.put_new(make_pod("waits", requests={"cpu": "2"}, priority=10, preemptionPolicy=policy))
    async with scheduling(model):
        await until(lambda: conditions(model, "waits"))
        a_node()(model)
        model.put_new(make_pod("probe", nodeSelector={"step": "0"}))
        await until(lambda: conditions(model, "probe"))
        if policy == "Never":
            assert model.get(core.Pod, "default", "there") is not None
        else:
            await until(lambda: model.one(core.Pod, "default", "waits").status.nominatedNodeName == "late")


def conditions(model: Model, name: str) -> bool:
    return bool(model.one(core.Pod, "default", name).status.conditions)
