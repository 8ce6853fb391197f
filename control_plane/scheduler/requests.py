"""What a pod asks of a node in whole numbers, rounded up: cpu in millis, all else in its unit. Pure."""

from collections.abc import Mapping
from typing import Final

from knarr.api import quantity
from knarr.api.pod_amounts import pod_total
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

CPU = "cpu"
MEMORY = "memory"
EPHEMERAL_STORAGE = "ephemeral-storage"
PODS = "pods"
MILLI_NANOS = 1_000_000
DEFAULT_CPU_MILLIS = 100  # what a container without a cpu request counts for in scores
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024  # the same for memory

Amounts = dict[str, int]
_SCORED: Final[Amounts] = {CPU: DEFAULT_CPU_MILLIS, MEMORY: DEFAULT_MEMORY_BYTES}


def amount(resource: str, text: str) -> int:
    """A quantity in the resource's unit, rounded up."""
    parsed = quantity.parse(text)
    return parsed.ceil(MILLI_NANOS) if resource == CPU else parsed.ceil()


def amounts(quantities: Mapping[str, meta.Quantity]) -> Amounts:
    """A resource list in whole numbers."""
    return {name: amount(name, quantities[name].string) for name in quantities}  # items() takes a third more


def pod_requests(spec: core.PodSpec) -> Amounts:
    """What filters and the balanced score count: exactly what is requested."""
    return pod_total(spec, "requests", amounts)


def scored_requests(spec: core.PodSpec) -> tuple[int, int]:
    """(cpu millis, memory bytes) with Kubernetes' defaults for containers that name none.

    The defaults keep pods without requests from all landing on one node."""
    total = pod_total(spec, "requests", amounts, _SCORED)
    return total.get(CPU, 0), total.get(MEMORY, 0)
