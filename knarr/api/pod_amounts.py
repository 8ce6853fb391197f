"""What a pod asks for in all: its containers, init containers, sidecars and overhead. Pure.

Quotas count exact amounts and the scheduler whole numbers: who asks says how a resource list is read.
Source: kubernetes.io/docs/concepts/workloads/pods/sidecar-containers (resource sharing within containers),
…/scheduling-eviction/pod-overhead and k8s.io/component-helpers, resource.PodRequests and PodLimits.
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from knarr.api import quantity
from knarr.api.pods import is_sidecar
from knarr.api.quantity import Quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

N = TypeVar("N", int, Quantity)
Amounts = dict[str, Quantity]
Part = Literal["requests", "limits"]
Reader = Callable[[Mapping[str, meta.Quantity]], dict[str, N]]  # a resource list's amounts, in a new dict


def exact(listed: Mapping[str, meta.Quantity]) -> Amounts:
    """Reads a resource list as it is written; raises QuantityError."""
    return {name: quantity.of(listed[name]) for name in listed}


def pod_total(
    spec: core.PodSpec, part: Part, read: Reader[N], defaults: Mapping[str, N] | None = None
) -> dict[str, N]:
    """The requests, or the limits, of the whole pod; `defaults` stand for what a container does not name.

    Overhead is added to limits only where there is a limit. Raises what `read` raises."""
    total: dict[str, N] = {}
    for container in spec.containers:
        _add(total, _needs(container, part, read, defaults))
    if spec.initContainers:
        _raise_to_start(total, spec, part, read, defaults)
    if spec.HasField("resources"):  # what the whole pod says stands for what its containers say
        total.update(read(getattr(spec.resources, part)))
    if spec.overhead:
        overhead = read(spec.overhead)
        if part == "limits":
            overhead = {name: value for name, value in overhead.items() if name in total}
        _add(total, overhead)
    return total


def _raise_to_start(
    total: dict[str, N], spec: core.PodSpec, part: Part, read: Reader[N], defaults: Mapping[str, N] | None
) -> None:
    """Raise `total` to what the start of the pod needs: each init container runs beside the sidecars that
    come before it; sidecars then stay."""
    sidecars: dict[str, N] = {}
    peak: dict[str, N] = {}
    for container in spec.initContainers:
        needs = _needs(container, part, read, defaults)
        if is_sidecar(container):
            _add(total, needs)
            _add(sidecars, needs)
            needs = sidecars
        else:
            _add(needs, sidecars)
        _raise(peak, needs)
    _raise(total, peak)


def _needs(
    container: core.Container, part: Part, read: Reader[N], defaults: Mapping[str, N] | None
) -> dict[str, N]:
    said = read(getattr(container.resources, part))
    return {**defaults, **said} if defaults else said


def _add(total: dict[str, N], more: Mapping[str, N]) -> None:
    for name, value in more.items():
        known = total.get(name)
        total[name] = value if known is None else known + value


def _raise(total: dict[str, N], other: Mapping[str, N]) -> None:
    for name, value in other.items():
        known = total.get(name)
        if known is None or value > known:
            total[name] = value
