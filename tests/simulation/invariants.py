"""What must hold at every moment, and what must hold in the end."""

from collections import Counter

from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import DEPLOYMENT, POD, Kind
from knarr.api.quantity import cpu_millis
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.runtime.interface import Phase, Role
from tests.simulation.cluster import NODE_CPU_MILLIS, SimCluster

ENDED = ("Succeeded", "Failed")


class Violation(AssertionError):
    """An invariant does not hold."""


def stored(backend: MemoryBackend, kind: Kind) -> list[bytes]:
    """The values of all objects of a kind."""
    return [record.value for record in backend.page(kind.prefix, 0, "", 0).records]


def pods_of(backend: MemoryBackend) -> list[core.Pod]:
    return [core.Pod.FromString(value) for value in stored(backend, POD)]


def always(cluster: SimCluster) -> None:
    """Checked at every step; raises Violation."""
    _no_pod_twice(cluster)
    _no_node_overfull(cluster)
    cluster.check_alive()


def _no_pod_twice(cluster: SimCluster) -> None:
    running = Counter(
        (state.identity.pod.uid, state.identity.container, state.identity.role)
        for node in cluster.nodes.values()
        for state in node.host.containers()
        if state.phase is Phase.RUNNING
    )
    twice = [key for key, count in running.items() if count > 1]
    if twice:
        raise Violation(f"running twice: {twice}")


def _no_node_overfull(cluster: SimCluster) -> None:
    used: Counter[str] = Counter()
    for pod in pods_of(cluster.backend):
        if pod.spec.nodeName and pod.status.phase not in ENDED:
            used[pod.spec.nodeName] += requested(pod)
    full = {node: amount for node, amount in used.items() if amount > NODE_CPU_MILLIS}
    if full:
        raise Violation(f"more bound than a node has: {full}")


def requested(pod: core.Pod) -> int:
    """Millis of CPU that a pod asks for."""
    return sum(
        cpu_millis(container.resources.requests["cpu"].string)
        for container in pod.spec.containers
        if "cpu" in container.resources.requests
    )


def in_the_end(cluster: SimCluster, wanted: dict[str, int]) -> str:
    """What is not yet as it shall be, or "". `wanted`: replicas of each deployment that exists."""
    found = {
        deployment.metadata.name: deployment
        for deployment in map(apps.Deployment.FromString, stored(cluster.backend, DEPLOYMENT))
    }
    if set(found) != set(wanted):
        return f"deployments {sorted(found)}, wanted {sorted(wanted)}"
    for name, replicas in wanted.items():
        complaint = _deployment(found[name], replicas)
        if complaint:
            return complaint
    return _engines(cluster, sum(wanted.values()))


def _deployment(deployment: apps.Deployment, replicas: int) -> str:
    status = deployment.status
    counts = (status.replicas, status.updatedReplicas, status.availableReplicas)
    if deployment.spec.replicas != replicas:
        return f"{deployment.metadata.name}: an acknowledged write was lost: {deployment.spec.replicas}"
    if counts != (replicas,) * 3 or status.observedGeneration != deployment.metadata.generation:
        return f"{deployment.metadata.name}: {counts} of {replicas}"
    return ""


def _engines(cluster: SimCluster, total: int) -> str:
    pods = pods_of(cluster.backend)
    if len(pods) != total:
        return f"{len(pods)} pods, wanted {total}"
    wanted = {(pod.spec.nodeName, pod.metadata.uid) for pod in pods}
    running = {
        (node.name, state.identity.pod.uid)
        for node in cluster.nodes.values()
        for state in node.host.containers()
        if state.identity.role is not Role.INFRA and state.phase is Phase.RUNNING
    }
    if running != wanted:
        return f"engines run {len(running)} pods, {len(running & wanted)} of the {len(wanted)} wanted"
    return ""
