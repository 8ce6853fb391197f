"""Nodes and pods for the scheduler's tests: a base object plus what a case changes."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decisions import PendingPod
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.shaping import Shapes
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def make_node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
    unschedulable: bool = False,
    more: Mapping[str, str] | None = None,
) -> core.Node:
    """A node with its hostname label; `more`: of status.allocatable."""
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods, **(more or {})}
    return from_dict(
        {
            "metadata": {"name": name, "labels": {HOSTNAME: name, **(labels or {})}},
            "spec": {"taints": [dict(taint) for taint in taints], "unschedulable": unschedulable},
            "status": {"allocatable": allocatable},
        },
        core.Node,
    )


def make_pod(
    name: str,
    *,
    namespace: str = "default",
    requests: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    owner: str = "",
    node: str = "",
    **spec: Any,
) -> core.Pod:
    """A pod of one container; `spec`: more of the pod's spec, as in YAML."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "labels": labels or {},
    }
    if owner:
        metadata["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Owner", "name": owner, "uid": owner, "controller": True}
        ]
    container = {"name": "main", "image": "app:1", "resources": {"requests": requests or {}}}
    body = {"containers": [container], "nodeName": node or None, **spec}
    return from_dict({"metadata": metadata, "spec": body}, core.Pod)


class Bench:
    """A cluster filled from messages."""

    def __init__(self, *nodes: core.Node, pods: Sequence[core.Pod] = ()) -> None:
        self.cluster = Cluster()
        self.shapes = Shapes()
        for node in nodes:
            self.cluster.put_node(node_facts(node))
        for pod in pods:
            self.place(pod)

    def place(self, pod: core.Pod, terminating: bool = False) -> None:
        """Add a pod that is on its node."""
        self.cluster.put_pod(
            PlacedPod(
                key_of(pod), pod.metadata.uid, self.shapes.of(pod), pod.spec.nodeName, terminating=terminating
            )
        )

    def pending(self, pod: core.Pod) -> PendingPod:
        """The pod as one that waits."""
        return PendingPod(key_of(pod), pod.metadata.uid, self.shapes.of(pod))


def key_of(pod: core.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


async def until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    """Return once the condition holds; raises TimeoutError at the deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - a condition of the code under test, which knows no event
            await asyncio.sleep(0.002)
