"""Requests and limits in the terms of cgroups. Pure."""

from knarr.api import quantity
from knarr.api.qos import BEST_EFFORT, GUARANTEED
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.runtime.interface import Resources

_MIN_SHARES = 2
_MIN_QUOTA_US = 1000
_QUOTA_US_PER_MILLI = 100  # of a period of 100 ms
_OOM_BEST_EFFORT = 1000


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
    if qos == GUARANTEED:
        return 0
    if qos == BEST_EFFORT or node_memory_bytes <= 0:
        return _OOM_BEST_EFFORT
    return min(999, max(3, 1000 - 1000 * memory_request // node_memory_bytes))
