"""Requests and limits in the terms of cgroups, and a pod's quality of service. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
"""

from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.runtime.interface import Resources

_MIN_SHARES = 2
_MIN_QUOTA_US = 1000
_QUOTA_US_PER_MILLI = 100  # of a period of 100 ms
_OOM_BEST_EFFORT = 1000
_COUNTED = ("cpu", "memory")


def qos_class(pod: core.Pod) -> str:
    """Guaranteed, Burstable or BestEffort."""
    containers = [*pod.spec.containers, *pod.spec.initContainers]
    any_given, all_equal = False, True
    for container in containers:
        requests, limits = container.resources.requests, container.resources.limits
        for name in _COUNTED:
            limit = quantity.of(limits[name]) if name in limits else None
            request = quantity.of(requests[name]) if name in requests else limit
            any_given = any_given or bool(limit) or bool(request)
            all_equal = all_equal and bool(limit) and limit == request
    if not any_given:
        return "BestEffort"
    return "Guaranteed" if all_equal else "Burstable"


def resources(container: core.Container, qos: str, node_memory_bytes: int) -> Resources:
    """The container's share of the machine; a request that is not given is its limit."""
    requests, limits = container.resources.requests, container.resources.limits
    cpu_limit = quantity.cpu_millis(limits["cpu"]) if "cpu" in limits else 0
    cpu_request = quantity.cpu_millis(requests["cpu"]) if "cpu" in requests else cpu_limit
    memory_limit = quantity.to_int(limits["memory"]) if "memory" in limits else 0
    memory_request = quantity.to_int(requests["memory"]) if "memory" in requests else memory_limit
    return Resources(
        cpu_shares=max(_MIN_SHARES, cpu_request * 1024 // 1000),
        cpu_quota_us=max(_MIN_QUOTA_US, cpu_limit * _QUOTA_US_PER_MILLI) if cpu_limit else 0,
        memory_bytes=memory_limit,
        oom_score_adj=_oom_score(qos, memory_request, node_memory_bytes),
    )


def _oom_score(qos: str, memory_request: int, node_memory_bytes: int) -> int:
    """As the kubelet's, but never below the default: lowering it needs a privilege (CAP_SYS_RESOURCE) that
    engines inside containers lack, and a container that cannot be started is worse off than one that is
    killed like any other process."""
    if qos == "Guaranteed":
        return 0
    if qos == "BestEffort" or node_memory_bytes <= 0:
        return _OOM_BEST_EFFORT
    return min(999, max(3, 1000 - 1000 * memory_request // node_memory_bytes))
