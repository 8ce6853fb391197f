"""Nodes and pods of the scheduling benchmarks: what each workload's pods ask for."""

from collections.abc import Callable

from knarr.proto.kubernetes import core_v1_pb2 as core

NAMESPACE = "default"
ZONES = 3
TEMPLATES = 500
GANG = 10
HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"

Make = Callable[[int], core.Pod]


def make_node(number: int) -> core.Node:
    """A node of a cluster with three zones."""
    node = core.Node()
    node.metadata.name = f"node-{number}"
    node.metadata.labels[HOSTNAME] = node.metadata.name
    node.metadata.labels[ZONE] = f"zone-{number % ZONES}"
    for name, amount in (("cpu", "32"), ("memory", "64Gi"), ("pods", "110")):
        node.status.allocatable[name].string = node.status.capacity[name].string = amount
    return node


def basic_pod(number: int, cpu_millis: int = 100, owner: str = "", priority: int = 0) -> core.Pod:
    """A pod of one small container."""
    pod = core.Pod()
    pod.metadata.name, pod.metadata.namespace = f"pod-{number}", NAMESPACE
    pod.metadata.labels["app"] = "bench"
    if owner:
        pod.metadata.ownerReferences.add(
            apiVersion="apps/v1", kind="ReplicaSet", name=owner, uid=owner, controller=True
        )
    container = pod.spec.containers.add(name="main", image="app:1")
    container.resources.requests["cpu"].string = f"{cpu_millis}m"
    container.resources.requests["memory"].string = "100Mi"
    if priority:
        pod.spec.priorityClassName = class_of(priority)
    return pod


def class_of(priority: int) -> str:
    """The PriorityClass of a priority."""
    return f"bench-{priority}"


def spread_pod(number: int) -> core.Pod:
    """A pod that must be spread over zones."""
    pod = basic_pod(number)
    row = pod.spec.topologySpreadConstraints.add(
        maxSkew=1, topologyKey=ZONE, whenUnsatisfiable="DoNotSchedule"
    )
    row.labelSelector.matchLabels["app"] = "bench"
    return pod


def apart_pod(number: int) -> core.Pod:
    """A pod that must have a host without its like; ten kinds of them."""
    pod = basic_pod(number)
    pod.metadata.labels["app"] = f"bench-{number % 10}"
    anti = pod.spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
    anti.add(topologyKey=HOSTNAME).labelSelector.matchLabels["app"] = pod.metadata.labels["app"]
    return pod


def together_pod(number: int) -> core.Pod:
    """A pod that prefers zones with pods of its kind; ten kinds of them."""
    pod = basic_pod(number)
    pod.metadata.labels["app"] = f"bench-{number % 10}"
    near = pod.spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution
    term = near.add(weight=10).podAffinityTerm
    term.topologyKey = ZONE
    term.labelSelector.matchLabels["app"] = pod.metadata.labels["app"]
    return pod


def placed_pod(number: int) -> core.Pod:
    """A pod that must be in one of two zones, by node affinity; 500 templates."""
    pod = basic_pod(number, cpu_millis=100 + number % TEMPLATES)
    required = pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
    row = required.nodeSelectorTerms.add().matchExpressions.add(key=ZONE, operator="In")
    row.values.extend((f"zone-{number % ZONES}", f"zone-{(number + 1) % ZONES}"))
    return pod


def distinct_pod(number: int) -> core.Pod:
    """One of 500 templates."""
    return basic_pod(number, cpu_millis=100 + number % TEMPLATES)


def gang_pod(number: int) -> core.Pod:
    """A member of a gang of ten."""
    pod = basic_pod(number)
    pod.spec.schedulingGroup.podGroupName = f"gang-{number // GANG}"
    return pod


def impossible_pod(number: int) -> core.Pod:
    """A pod too large for every node; 500 templates."""
    pod = basic_pod(number, cpu_millis=40_000 + number % TEMPLATES)
    pod.metadata.name = f"impossible-{number}"
    return pod


_MIXED = (basic_pod, distinct_pod, spread_pod, apart_pod, together_pod, placed_pod)


def mixed_pod(number: int) -> core.Pod:
    """One of each kind in turn."""
    return _MIXED[number % len(_MIXED)](number)


BURSTS: dict[str, Make] = {
    "basic": basic_pod,
    "owned": lambda number: basic_pod(number, owner="owner"),
    "distinct": distinct_pod,
    "spread": spread_pod,
    "antiaffinity": apart_pod,
    "affinity": together_pod,
    "nodeaffinity": placed_pod,
}
