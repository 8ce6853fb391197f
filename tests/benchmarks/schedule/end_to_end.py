"""From the call that creates a pod until its binding is seen: API and scheduler in one process, real etcd."""

import asyncio
import os
import random
import time

from control_plane.objects.interface import DeleteOptions
from knarr.api.kinds import POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from tests.benchmarks.schedule import objects
from tests.benchmarks.schedule.objects import NAMESPACE, Make
from tests.benchmarks.schedule.stack import Stack, each, running_stack
from tests.benchmarks.usage import forget_peak, peak_mib
from tests.support.bench import Report

DEADLINE_S = 180.0
LOW, HIGH = 1, 100
FULL_MILLIS = 8_000  # four of these fill a node


async def burst(report: Report, workload: str, nodes: int, pods: int, called: str = "") -> None:
    """As fast as it goes."""
    async with running_stack(nodes) as stack:
        await _measure(stack, report, called or workload, nodes, objects.BURSTS[workload], pods)


async def steady(report: Report, nodes: int, per_s: int, seconds: int) -> None:
    """So many pods a second, evenly."""
    async with running_stack(nodes) as stack:
        stack.expect(seconds * per_s)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(seconds * per_s):
                await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
                group.create_task(stack.create(objects.basic_pod(number)), name=f"bench-steady-{number}")
        await stack.all_bound(DEADLINE_S)
        _report(stack, report, f"steady{per_s}", nodes, seconds * per_s, time.perf_counter() - began)


async def churn(report: Report, nodes: int, pods: int) -> None:
    """Pods of all kinds while a third of those before are deleted and nodes change their labels."""
    async with running_stack(nodes) as stack:
        stop = asyncio.Event()
        trouble = asyncio.create_task(_trouble(stack, nodes, stop), name="bench-trouble")
        try:
            await _measure(stack, report, "churn", nodes, objects.mixed_pod, pods)
        finally:
            stop.set()
            await trouble


async def _trouble(stack: Stack, nodes: int, stop: asyncio.Event) -> None:
    rng = random.Random(1)
    gone: set[str] = set()
    while not stop.is_set():
        await asyncio.sleep(0.01)
        bound = [name for name in list(stack.bound)[-300:] if name not in gone]
        for name in rng.sample(bound, len(bound) // 30):
            gone.add(name)
            await stack.writer.delete(POD, NAMESPACE, name, DeleteOptions(grace_period_s=0))
        node = stack.objects.get(core.Node, "", f"node-{rng.randrange(nodes)}")
        assert node is not None
        node.metadata.labels["bench"] = str(rng.randrange(9))
        await stack.writer.update(node)


async def preemption(report: Report, nodes: int, running: int, preemptors: int) -> None:
    """Nodes are full; each new pod has others of lower priority stopped first."""
    async with running_stack(nodes, (LOW, HIGH)) as stack:
        stack.expect(running)
        await stack.create_all(lambda number: _full(number, LOW), range(running))
        await stack.all_bound(DEADLINE_S)
        await _measure(
            stack, report, "preemption", nodes, lambda number: _full(running + number, HIGH), preemptors
        )


def _full(number: int, priority: int) -> core.Pod:
    return objects.basic_pod(number, FULL_MILLIS, priority=priority)


async def unschedulable(report: Report, nodes: int, waiting: int, pods: int) -> None:
    """Beside many pods that fit nowhere."""
    async with running_stack(nodes) as stack:
        await each(range(waiting), lambda number: stack.writer.create(objects.impossible_pod(number)))
        async with asyncio.timeout(DEADLINE_S):
            while stack.scheduler.queue.parked < waiting:  # noqa: ASYNC110 - it knows no event for this
                await asyncio.sleep(0.05)
        await _measure(stack, report, "unschedulable", nodes, objects.basic_pod, pods)


async def gang(report: Report, nodes: int, pods: int) -> None:
    """Gangs of ten."""
    async with running_stack(nodes) as stack:
        await each(range(pods // objects.GANG), lambda number: stack.writer.create(_group(number)))
        await _measure(stack, report, "gang", nodes, objects.gang_pod, pods)


def _group(number: int) -> groups.PodGroup:
    group = groups.PodGroup()
    group.metadata.name, group.metadata.namespace = f"gang-{number}", NAMESPACE
    group.spec.schedulingPolicy.gang.minCount = objects.GANG
    return group


async def _measure(stack: Stack, report: Report, workload: str, nodes: int, make: Make, pods: int) -> None:
    stack.expect(pods)
    forget_peak(os.getpid())
    await stack.create_all(make, range(pods))
    created_s = time.perf_counter() - stack.began
    await stack.all_bound(DEADLINE_S)
    took_s = max(stack.bound.values()) - stack.began
    params = {"nodes": nodes, "pods": pods}
    report(f"schedule.{workload}.{nodes}n.created_per_s", pods / created_s, "pods/s", **params)
    _report(stack, report, workload, nodes, pods, took_s)


def _report(stack: Stack, report: Report, workload: str, nodes: int, pods: int, took_s: float) -> None:
    name, params = f"schedule.{workload}.{nodes}n", {"nodes": nodes, "pods": pods}
    latencies = stack.latencies_ms()
    report(f"{name}.pods_per_s", pods / took_s, "pods/s", **params)
    report(f"{name}.p50_ms", latencies[len(latencies) // 2], "ms", **params)
    report(f"{name}.p99_ms", latencies[int(len(latencies) * 0.99)], "ms", **params)
    report(f"{name}.rss_mib", peak_mib(os.getpid()), "MiB", **params)
