"""The decision alone: no store, no API, nothing bound."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.gangs.attempt import decide_gang
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.shaping import Shapes
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.benchmarks.schedule import objects
from tests.benchmarks.schedule.objects import NAMESPACE, make_node
from tests.support.bench import Report

PORTION = SchedulerSettings().group_limit
COUNTS = {"basic": 50_000, "owned": 20_000}
DEFAULT_COUNT = 4_000
TOGETHER = {"steady100": 1, "steady1000": 10}  # basic pods that a decision is about, when they come evenly


def run(report: Report, nodes: int) -> None:
    """`schedule.<workload>.<nodes>n.decide_per_s`."""
    workloads: dict[str, Callable[[], tuple[int, float]]] = {
        name: partial(_burst, make, nodes, COUNTS.get(name, DEFAULT_COUNT))
        for name, make in objects.BURSTS.items()
    }
    for name, portion in TOGETHER.items():
        workloads[name] = partial(_burst, objects.basic_pod, nodes, DEFAULT_COUNT, portion)
    workloads["churn"] = lambda: _churn(nodes, DEFAULT_COUNT)
    workloads["unschedulable"] = lambda: _refused(nodes, DEFAULT_COUNT)
    workloads["gang"] = lambda: _gangs(nodes, DEFAULT_COUNT)
    for name, measure in workloads.items():
        pods, took_s = measure()
        report(f"schedule.{name}.{nodes}n.decide_per_s", pods / took_s, "pods/s", nodes=nodes, pods=pods)


def preemption(report: Report, nodes: int, running: int, preemptors: int) -> None:
    """`schedule.preemption.<nodes>n.decide_per_s`: nodes are full of pods of low priority."""
    cluster, shapes = filled(nodes), Shapes()
    low = shapes.of(_prioritised(0, 8_000, 1))
    for number in range(running):
        cluster.put_pod(PlacedPod(f"{NAMESPACE}/low-{number}", f"l{number}", low, f"node-{number % nodes}"))
    pods = [_pending(number, _prioritised(number, 8_000, 100), shapes) for number in range(preemptors)]
    began = time.perf_counter()
    for pod in pods:
        (decision,) = decide(cluster, [pod], DEFAULT, 0, ())
        assert isinstance(decision, Preemption)
        for victim in decision.victims:
            cluster.remove_pod(victim.key)
    took_s = time.perf_counter() - began
    params = {"nodes": nodes, "running": running, "pods": preemptors}
    report(f"schedule.preemption.{nodes}n.decide_per_s", preemptors / took_s, "pods/s", **params)


def filled(nodes: int) -> Cluster:
    """A cluster of so many empty nodes."""
    cluster = Cluster()
    for number in range(nodes):
        cluster.put_node(node_facts(make_node(number)))
    return cluster


def _prioritised(number: int, cpu_millis: int, priority: int) -> core.Pod:
    pod = objects.basic_pod(number, cpu_millis)
    pod.spec.priority = priority
    return pod


def _pending(number: int, pod: core.Pod, shapes: Shapes, gang: str = "") -> PendingPod:
    return PendingPod(f"{NAMESPACE}/pod-{number}", str(number), shapes.of(pod), gang=gang)


def _burst(make: objects.Make, nodes: int, pods: int, portion: int = PORTION) -> tuple[int, float]:
    """In portions as the scheduler takes them: by shape, in the order in which the shapes came."""
    cluster, shapes = filled(nodes), Shapes()
    by_shape: dict[Shape, list[PendingPod]] = {}
    for number in range(pods):
        pod = _pending(number, make(number), shapes)
        by_shape.setdefault(pod.shape, []).append(pod)
    began = time.perf_counter()
    for group in by_shape.values():
        _decide_all(cluster, group, portion)
    return pods, time.perf_counter() - began


def _decide_all(cluster: Cluster, pods: Sequence[PendingPod], portion: int) -> None:
    for start in range(0, len(pods), portion):
        decisions = decide(cluster, pods[start : start + portion], DEFAULT, start)
        assert all(isinstance(decision, Placed) for decision in decisions)


def _churn(nodes: int, pods: int) -> tuple[int, float]:
    """Pods of all kinds one by one, of which a third goes again, in no order."""
    cluster, shapes, rng = filled(nodes), Shapes(), random.Random(1)
    pending = [_pending(number, objects.mixed_pod(number), shapes) for number in range(pods)]
    there: list[str] = []
    began = time.perf_counter()
    for number, pod in enumerate(pending):
        (decision,) = decide(cluster, [pod], DEFAULT, number)
        assert isinstance(decision, Placed)
        there.append(pod.key)
        if number % 3 == 0:
            cluster.remove_pod(there.pop(rng.randrange(len(there))))
    return pods, time.perf_counter() - began


def _refused(nodes: int, pods: int) -> tuple[int, float]:
    """Pods that fit nowhere, each of its own shape as far as there are templates; with their reasons."""
    cluster, shapes = filled(nodes), Shapes()
    pending = [_pending(number, objects.impossible_pod(number), shapes) for number in range(pods)]
    began = time.perf_counter()
    for pod in pending:
        decide(cluster, [pod], DEFAULT, 0, ())
    return pods, time.perf_counter() - began


def _gangs(nodes: int, pods: int) -> tuple[int, float]:
    cluster, shapes = filled(nodes), Shapes()
    gangs: dict[str, list[PendingPod]] = {}
    for number in range(pods):
        made = objects.gang_pod(number)
        name = f"{NAMESPACE}/{made.spec.schedulingGroup.podGroupName}"
        gangs.setdefault(name, []).append(_pending(number, made, shapes, name))

    def profile_of(_: Shape) -> Profile:
        return DEFAULT

    began = time.perf_counter()
    for number, (name, members) in enumerate(gangs.items()):
        outcome = decide_gang(cluster, name, members, len(members), profile_of, number)
        assert len(outcome.placed) == len(members)
    return pods, time.perf_counter() - began
