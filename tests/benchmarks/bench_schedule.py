"""How fast pods are decided about, and how fast they get from created to bound through the API on real etcd.

`schedule.<workload>.<nodes>n.decide_per_s`: the decision alone, nothing bound. `pods_per_s`, `p50_ms`,
`p99_ms`: from the call that creates a pod until the binding is seen, with API, store client and scheduler in
this one process. Workloads: basic (identical pods), owned (identical, of one owner), distinct (all
different), spread (hard, over zones), antiaffinity (a host each), affinity (preferred, by zone), nodeaffinity
(two of three zones), steady100 (100 pods a second arriving).
"""

import asyncio
import random
import resource
import time
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from control_plane.api.api import Api
from control_plane.api.writer import ApiWriter
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import ObjectChange
from control_plane.objects.recorder import EventRecorder
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.scheduler import Scheduler
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shaping import Shapes
from knarr.api.kinds import KINDS
from knarr.clock import RandomIds, SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.etcd import real_etcd

Report = Callable[..., None]
_NAMESPACE = "default"
_CREATORS = 200


def make_node(number: int) -> core.Node:
    """A node of a cluster with three zones."""
    node = core.Node()
    node.metadata.name = f"node-{number}"
    node.metadata.labels["kubernetes.io/hostname"] = node.metadata.name
    node.metadata.labels["topology.kubernetes.io/zone"] = f"zone-{number % 3}"
    for name, amount in (("cpu", "32"), ("memory", "64Gi"), ("pods", "110")):
        node.status.allocatable[name].string = node.status.capacity[name].string = amount
    return node


def make_pod(number: int, cpu_millis: int = 100, owner: str = "") -> core.Pod:
    """A pod of one small container."""
    pod = core.Pod()
    pod.metadata.name, pod.metadata.namespace = f"pod-{number}", _NAMESPACE
    pod.metadata.labels["app"] = "bench"
    if owner:
        pod.metadata.ownerReferences.add(
            apiVersion="apps/v1", kind="ReplicaSet", name=owner, uid=owner, controller=True
        )
    container = pod.spec.containers.add(name="main", image="app:1")
    container.resources.requests["cpu"].string = f"{cpu_millis}m"
    container.resources.requests["memory"].string = "100Mi"
    return pod


def spread_pod(number: int) -> core.Pod:
    """A pod that must be spread over zones."""
    pod = make_pod(number)
    row = pod.spec.topologySpreadConstraints.add(
        maxSkew=1, topologyKey="topology.kubernetes.io/zone", whenUnsatisfiable="DoNotSchedule"
    )
    row.labelSelector.matchLabels["app"] = "bench"
    return pod


def apart_pod(number: int) -> core.Pod:
    """A pod that must have a host of its own; ten kinds of them."""
    pod = make_pod(number)
    pod.metadata.labels["app"] = f"bench-{number % 10}"
    anti = pod.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
    term = anti.add(topologyKey="kubernetes.io/hostname")
    term.labelSelector.matchLabels["app"] = pod.metadata.labels["app"]
    return pod


def together_pod(number: int) -> core.Pod:
    """A pod that prefers zones with pods of its kind; ten kinds of them."""
    pod = make_pod(number)
    pod.metadata.labels["app"] = f"bench-{number % 10}"
    near = pod.spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution
    term = near.add(weight=10).podAffinityTerm
    term.topologyKey = "topology.kubernetes.io/zone"
    term.labelSelector.matchLabels["app"] = pod.metadata.labels["app"]
    return pod


def placed_pod(number: int) -> core.Pod:
    """A pod that must be in one of two zones, by node affinity."""
    pod = make_pod(number, cpu_millis=100 + number % 500)
    required = pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    row = required.nodeSelectorTerms.add().matchExpressions.add(
        key="topology.kubernetes.io/zone", operator="In"
    )
    row.values.extend((f"zone-{number % 3}", f"zone-{(number + 1) % 3}"))
    return pod


WORKLOADS: dict[str, Callable[[int], core.Pod]] = {
    "basic": make_pod,
    "owned": lambda number: make_pod(number, owner="owner"),
    "distinct": lambda number: make_pod(number, cpu_millis=100 + number),
    "spread": spread_pod,
    "antiaffinity": apart_pod,
    "affinity": together_pod,
    "nodeaffinity": placed_pod,
}
ALONE = {
    "basic": 50_000,
    "owned": 20_000,
    "distinct": 4_000,
    "spread": 4_000,
    "antiaffinity": 4_000,
    "affinity": 4_000,
    "nodeaffinity": 4_000,
}  # pods decided about


def decide_alone(workload: str, nodes: int, pods: int) -> float:
    """Decisions per second, in portions as the scheduler takes them."""
    cluster, shapes = Cluster(), Shapes()
    for number in range(nodes):
        cluster.put_node(node_facts(make_node(number)))
    make = WORKLOADS[workload]
    pending = [
        PendingPod(f"{_NAMESPACE}/pod-{number}", str(number), shapes.of(make(number)))
        for number in range(pods)
    ]
    began = time.perf_counter()
    portion = SchedulerSettings().group_limit
    for start in range(0, pods, portion):
        decisions = decide(cluster, pending[start : start + portion], DEFAULT, start)
        assert all(isinstance(decision, Placed) for decision in decisions)
    return pods / (time.perf_counter() - began)


class Stack:
    """Store, cache, API and scheduler in this process, and when each pod was created and bound."""

    def __init__(self, store: Any) -> None:
        clock, rng = SystemClock(), random.Random(1)
        self.objects = CachedObjects(store, KINDS, rng)
        self.api = Api(store, self.objects, clock, RandomIds(), rng)
        self.writer = ApiWriter(self.api, clock)
        self.recorder = EventRecorder(self.writer, clock, rng)
        self.scheduler = Scheduler(
            self.objects, self.writer, self.recorder, clock, rng, registry=CollectorRegistry()
        )
        self.created: dict[str, float] = {}
        self.bound: dict[str, float] = {}
        self._all = asyncio.Event()
        self._expected = 0

    def watch(self) -> Callable[[], None]:
        """Note when each pod is seen bound."""
        return self.objects.subscribe((core.Pod,), self._seen)

    def _seen(self, changes: Sequence[ObjectChange]) -> None:
        now = time.perf_counter()
        for change in changes:
            name = change.key.name
            if name not in self.bound and isinstance(change.new, core.Pod) and change.new.spec.nodeName:
                self.bound[name] = now
        if len(self.bound) >= self._expected:
            self._all.set()

    def expect(self, pods: int) -> None:
        """Start anew, for this many pods."""
        self.created, self.bound, self._expected = {}, {}, pods
        self._all.clear()

    async def all_bound(self, deadline_s: float) -> None:
        """Return once all expected pods are bound."""
        async with asyncio.timeout(deadline_s):
            await self._all.wait()

    async def create(self, pod: core.Pod) -> None:
        """Create a pod and note when."""
        self.created[pod.metadata.name] = time.perf_counter()
        await self.writer.create(pod)

    async def fill(self, nodes: int) -> None:
        """Create the namespace and the nodes."""
        namespace = core.Namespace()
        namespace.metadata.name = _NAMESPACE
        await self.writer.create(namespace)
        await each(range(nodes), self._add_node)

    async def _add_node(self, number: int) -> None:
        node = make_node(number)
        stored = await self.writer.create(node)
        stored.status.CopyFrom(node.status)
        await self.writer.update_status(stored)

    def latencies_ms(self) -> list[float]:
        """From created to bound, sorted."""
        return sorted(1_000 * (self.bound[name] - began) for name, began in self.created.items())


async def each(numbers: Sequence[int] | range, do: Callable[[int], Any]) -> None:
    """Do something for each number, many at a time."""
    left = iter(numbers)

    async def worker() -> None:
        for number in left:
            await do(number)

    async with asyncio.TaskGroup() as group:
        for index in range(_CREATORS):
            group.create_task(worker(), name=f"bench-{index}")


async def end_to_end(report: Report, nodes: int, workload: str, pods: int) -> None:
    """Created to bound, as fast as it goes, then at a steady 100 a second."""
    async with real_etcd() as etcd:
        stack = Stack(etcd.store())
        tasks = [
            asyncio.create_task(stack.objects.run(), name="bench-cache"),
            asyncio.create_task(stack.recorder.run(), name="bench-recorder"),
        ]
        try:
            await stack.objects.synced()
            await stack.fill(nodes)
            tasks.append(asyncio.create_task(stack.scheduler.run(), name="bench-scheduler"))
            stop = stack.watch()
            await _burst(stack, report, nodes, workload, pods)
            if workload == "basic":
                await _steady(stack, report, nodes, seconds=8)
            stop()
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _burst(stack: Stack, report: Report, nodes: int, workload: str, pods: int) -> None:
    make, name = WORKLOADS[workload], f"schedule.{workload}.{nodes}n"
    stack.expect(pods)
    began = time.perf_counter()
    await each(range(pods), lambda number: stack.create(make(number)))
    created = time.perf_counter() - began
    await stack.all_bound(deadline_s=120)
    took = max(stack.bound.values()) - began
    params = {"nodes": nodes, "pods": pods}
    report(f"{name}.pods_per_s", pods / took, "pods/s", **params)
    report(f"{name}.created_per_s", pods / created, "pods/s", **params)
    _report_latencies(stack, report, name, params)
    rss_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(f"{name}.rss_mib", rss_mib, "MiB", **params)


async def _steady(stack: Stack, report: Report, nodes: int, seconds: int, per_s: int = 100) -> None:
    stack.expect(seconds * per_s)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(seconds * per_s):
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
            group.create_task(stack.create(make_pod(1_000_000 + number)), name=f"bench-steady-{number}")
    await stack.all_bound(deadline_s=30)
    name = f"schedule.steady{per_s}.{nodes}n"
    _report_latencies(stack, report, name, {"nodes": nodes, "pods": seconds * per_s})


def _report_latencies(stack: Stack, report: Report, name: str, params: dict[str, int]) -> None:
    latencies = stack.latencies_ms()
    report(f"{name}.p50_ms", latencies[len(latencies) // 2], "ms", **params)
    report(f"{name}.p99_ms", latencies[int(len(latencies) * 0.99)], "ms", **params)


async def run(report: Report) -> None:
    """All figures; `report(name, value, unit, **params)`."""
    for nodes in (1_000, 5_000):
        for workload, pods in ALONE.items():
            rate = decide_alone(workload, nodes, pods)
            report(f"schedule.{workload}.{nodes}n.decide_per_s", rate, "pods/s", nodes=nodes, pods=pods)
    for nodes, workload in ((1_000, "basic"), (5_000, "basic"), (5_000, "owned"), (5_000, "distinct")):
        await end_to_end(report, nodes, workload, pods=10_000)
