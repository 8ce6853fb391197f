"""What `knarr plan` says is what then happens: a change is planned, and made, on a whole control plane."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
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
