"""What a pod asks of a node: resources of containers, init containers, sidecars and overhead. Pure.

Source: kubernetes.io/docs/concepts/workloads/pods/init-containers (resource sharing), pod-overhead,
sidecar-containers. Amounts are whole numbers: cpu in millis, everything else in its unit, rounded up.
"""

from collections.abc import Iterable, Mapping

from knarr.api import quantity
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


def amount(resource: str, text: str) -> int:
    """A quantity in the resource's unit, rounded up."""
    parsed = quantity.parse(text)
    return parsed.ceil(MILLI_NANOS) if resource == CPU else parsed.ceil()


def amounts(quantities: Mapping[str, meta.Quantity]) -> Amounts:
    """A resource list in whole numbers."""
    return {name: amount(name, value.string) for name, value in quantities.items()}


def pod_requests(spec: core.PodSpec) -> Amounts:
    """What filters and the balanced score count: exactly what is requested."""
    return _total(spec, {})


def scored_requests(spec: core.PodSpec) -> tuple[int, int]:
    """(cpu millis, memory bytes) with Kubernetes' defaults for containers that name none.

    The defaults keep pods without requests from all landing on one node."""
    total = _total(spec, {CPU: DEFAULT_CPU_MILLIS, MEMORY: DEFAULT_MEMORY_BYTES})
    return total.get(CPU, 0), total.get(MEMORY, 0)


def _total(spec: core.PodSpec, defaults: Amounts) -> Amounts:
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _requests(container, defaults))
    _add_init(total, spec.initContainers, defaults)
    if spec.HasField("resources"):  # requests of the whole pod stand for those of its containers
        total.update(amounts(spec.resources.requests))
    _add(total, amounts(spec.overhead))
    return total


def _add_init(total: Amounts, containers: Iterable[core.Container], defaults: Amounts) -> None:
    """Raise `total` to what the start of the pod needs: each init container runs beside the sidecars that
    come before it; sidecars then stay."""
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in containers:
        needs = _requests(container, defaults)
        if container.restartPolicy == "Always":
            _add(total, needs)
            _add(sidecars, needs)
            needs = sidecars
        else:
            _add(needs, sidecars)
        for name, value in needs.items():
            peak[name] = max(peak.get(name, 0), value)
    for name, value in peak.items():
        total[name] = max(total.get(name, 0), value)


def _requests(container: core.Container, defaults: Amounts) -> Amounts:
    return {**defaults, **amounts(container.resources.requests)}


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value
