"""The quality of service class of a pod, as the API server says it and node agents act by it. Pure.

Source: kubernetes.io/docs/concepts/workloads/pods/pod-qos and Kubernetes' ComputePodQOS: amounts are
compared, not texts, and an amount of nothing is not asked for.
"""

from typing import Final

from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core

GUARANTEED: Final = "Guaranteed"
BURSTABLE: Final = "Burstable"
BEST_EFFORT: Final = "BestEffort"
_COUNTED: Final = ("cpu", "memory")


def qos_class(spec: core.PodSpec) -> str:
    """By requests and limits of cpu and memory; a request that is not given is its limit."""
    asks, guaranteed = False, True
    for container in (*spec.containers, *spec.initContainers):
        requests, limits = container.resources.requests, container.resources.limits
        for name in _COUNTED:
            limit = limits[name].string if name in limits else ""
            request = requests[name].string if name in requests else limit
            most = quantity.of(limit).nanos
            least = most if request == limit else quantity.of(request).nanos
            asks = asks or most > 0 or least > 0
            guaranteed = guaranteed and 0 < most == least
    if not asks:
        return BEST_EFFORT
    return GUARANTEED if guaranteed else BURSTABLE
