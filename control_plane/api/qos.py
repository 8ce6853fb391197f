"""The quality of service class of a pod. Pure."""

from knarr.proto.kubernetes import core_v1_pb2 as core

_RESOURCES = ("cpu", "memory")


def qos_class(spec: core.PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of cpu and memory
    (kubernetes.io/docs/concepts/workloads/pods/pod-qos)."""
    containers = (*spec.containers, *spec.initContainers)
    if not any(
        name in amounts
        for container in containers
        for amounts in (container.resources.requests, container.resources.limits)
        for name in _RESOURCES
    ):
        return "BestEffort"
    return "Guaranteed" if all(map(_guaranteed, containers)) else "Burstable"


def _guaranteed(container: core.Container) -> bool:
    requests, limits = container.resources.requests, container.resources.limits
    return all(
        name in limits and (name not in requests or requests[name].string == limits[name].string)
        for name in _RESOURCES
    )
