"""What `knarr plan` says then happens: changes are planned and made, a node is planned away and lost."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from control_plane.api.api import WriteOptions
from control_plane.insight.plan.documents import Document
from control_plane.settings import ServerSettings
from control_plane.store.memory import MemoryStore
from control_plane.wiring import ControlPlane, Surroundings
from knarr.api.kinds import DEPLOYMENT
from knarr.clock import SeededIds, SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire
from tests.simulation.cluster import SimCluster
from tests.support.cluster import is_ready
from tests.support.waiting import until
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod

ZONE = "topology.kubernetes.io/zone"
LABELS = {"app": "web"}
MEANT = {"labelSelector": {"matchLabels": LABELS}}


@contextlib.asynccontextmanager
async def control_plane(tmp_path: Any) -> AsyncIterator[ControlPlane]:
    """All roles in this process, on a store in memory."""
    around = Surroundings(
        MemoryStore(),
        SystemClock(),
        SeededIds(1),
        random.Random(1),
        CollectorRegistry(),
        "cluster",
        "replica",
    )
    plane = ControlPlane(around, ServerSettings(state_dir=tmp_path))
    running = asyncio.create_task(plane.run(), name="control-plane")
    try:
        await plane.synced()
        await until(lambda: plane.objects.get(core.Namespace, "", "default") is not None, "first objects")
        yield plane
    finally:
        running.cancel()
        await asyncio.wait({running})


def wishes(rng: random.Random) -> dict[str, Any]:
    """What the pods of a deployment ask for beside resources."""
    anti = {"topologyKey": "kubernetes.io/hostname", **MEANT}
    spread = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", **MEANT}
    return rng.choice(
        (
            {},
            {"nodeSelector": {"disk": "ssd"}},
            {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [anti]}}},
            {"topologySpreadConstraints": [spread]},
            {"tolerations": [{"operator": "Exists"}]},
        )
    )


def deployment(rng: random.Random) -> dict[str, Any]:
    container = {"name": "main", "image": "a", "resources": {"requests": {"cpu": rng.choice(("1", "2"))}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": rng.randint(1, 12),
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [container], **wishes(rng)},
            },
        },
    }


async def make_cluster(plane: ControlPlane, rng: random.Random) -> None:
    names = [f"n{number}" for number in range(rng.randint(2, 6))]
    for name in names:
        labels = {ZONE: rng.choice("ab"), **({"disk": "ssd"} if rng.random() < 0.5 else {})}
        taints = [{"key": "team", "effect": "NoSchedule"}] if rng.random() < 0.2 else []
        node = make_node(name, cpu=rng.choice(("2", "4", "6")), labels=labels, taints=taints)
        made = await plane.writer.create(node)
        made.status.CopyFrom(node.status)
        await plane.writer.update_status(made)
    for number in range(rng.randint(0, 5)):
        await plane.writer.create(make_pod(f"there-{number}", node=rng.choice(names), requests={"cpu": "1"}))


def reasons(message: str) -> str:
    """The sentence without its hint."""
    return message.partition(". ")[0].removesuffix(".")


def decided(pod: core.Pod) -> str | None:
    """ "placed", why it waits, or None while nobody has looked at it."""
    if pod.spec.nodeName:
        return "placed"
    condition = next((one for one in pod.status.conditions if one.type == "PodScheduled"), None)
    return None if condition is None else reasons(condition.message)


def planned(answer: wire.PlanResponse) -> Counter[str]:
    return Counter("placed" if pod.node else reasons(pod.message) for pod in answer.pods)


@pytest.mark.parametrize("seed", range(12))
async def test_what_is_planned_happens(seed: int, tmp_path: Any) -> None:
    rng = random.Random(seed)
    async with control_plane(tmp_path) as plane:
        await make_cluster(plane, rng)
        value = deployment(rng)
        document = Document(DEPLOYMENT, "default", "web", value, "tests", False)
        answer = await plane.insight.plan([document], [])
        await plane.api.apply(DEPLOYMENT, "default", "web", value, WriteOptions("tests"))

        def outcomes() -> list[str | None]:
            pods = plane.objects.list(core.Pod, "default")
            return [decided(pod) for pod in pods if not pod.metadata.name.startswith("there-")]

        def at_rest() -> bool:
            found = outcomes()
            return len(found) == value["spec"]["replicas"] and None not in found

        await until(at_rest, "every pod has been decided about")
        assert Counter(outcomes()) == planned(answer)


def plain(name: str, replicas: int, cpu: str) -> dict[str, Any]:
    """A deployment of pods that ask for nothing but CPU."""
    container = {"name": "main", "image": "busybox", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
        },
    }


def active(plane: ControlPlane, *, off: str = "") -> list[core.Pod]:
    """The pods that are to run, less those that are on a node that is lost."""
    return [
        pod
        for pod in plane.objects.list(core.Pod, "default")
        if not pod.metadata.HasField("deletionTimestamp") and pod.spec.nodeName != (off or "nowhere")
    ]


def placed_by_app(pods: Sequence[core.Pod]) -> Counter[str]:
    return Counter(pod.metadata.labels["app"] for pod in pods if pod.spec.nodeName)


@pytest.mark.timeout(120)
async def test_the_loss_of_a_node_is_as_it_was_planned() -> None:
    """Three nodes of two CPUs, with agents on engines that pretend; one of them dies."""
    cluster = SimCluster(SystemClock(), random.Random(3), 1, ("a", "b", "c"))
    await cluster.start()
    try:
        plane = cluster.plane()
        assert plane is not None
        await plane.synced()
        await until(lambda: len(plane.objects.list(core.Node)) == 3, "the nodes have joined")
        for value in (plain("large", 3, "1200m"), plain("small", 3, "300m")):
            name = value["metadata"]["name"]
            await plane.api.apply(DEPLOYMENT, "default", name, value, WriteOptions("tests"))
        await until(lambda: sum(map(is_ready, active(plane))) == 6, "the pods run")
        lost = next(pod.spec.nodeName for pod in active(plane) if pod.metadata.labels["app"] == "small")
        answer = await plane.insight.plan([], [lost])
        moved = Counter(pod.owner.partition("/")[2] for pod in answer.pods if pod.node)
        expected = moved + placed_by_app(active(plane, off=lost))
        await cluster.crash_agent(lost)

        def settled() -> bool:
            pods = active(plane, off=lost)
            return len(pods) == 6 and None not in [decided(pod) for pod in pods]

        await until(settled, "what was lost has been decided about", 60.0)
        assert placed_by_app(active(plane, off=lost)) == expected
        assert expected == {"large": 2, "small": 3}
    finally:
        await cluster.stop()
