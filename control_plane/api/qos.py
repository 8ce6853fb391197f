"""The quality of service class of a pod. Pure."""

from knarr.proto.kubernetes import core_v1_pb2 as core

_RESOURCES = ("cpu", "memory")


def qos_class(spec: core.PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of cpu and memory
    (kubernetes.io/docs/concepts/workloads/pods/pod-qos)."""
    asks, guaranteed = False, True
    for container in (*spec.containers, *spec.initContainers):
        requests, limits = container.resources.requests, container.resources.limits
        for name in _RESOURCES:
            limited, requested = name in limits, name in requests
            asks = asks or limited or requested
            equal = limited and (not requested or requests[name].string == limits[name].string)
            guaranteed = guaranteed and equal
    if not asks:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"
