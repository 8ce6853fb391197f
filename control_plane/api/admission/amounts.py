"""What a pod requests and is limited to in all: containers, init containers, sidecars and overhead. Pure.

Source: kubernetes.io/docs/concepts/workloads/pods/sidecar-containers (resource sharing within containers) and
k8s.io/component-helpers, resource.PodRequests and PodLimits. Amounts are exact; the scheduler has whole
numbers of its own.
"""

from collections.abc import Mapping
from typing import Literal

from knarr.api import quantity
from knarr.api.quantity import Quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

Amounts = dict[str, Quantity]
Part = Literal["requests", "limits"]


def amounts(listed: Mapping[str, meta.Quantity]) -> Amounts:
    """A resource list, parsed."""
    return {name: quantity.of(value) for name, value in listed.items()}


def pod_total(spec: core.PodSpec, part: Part) -> Amounts:
    """The requests, or the limits, of the whole pod."""
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _of(container, part))
    if spec.initContainers:
        _raise_to_start(total, spec, part)
    if spec.HasField("resources"):  # what the whole pod says stands for what its containers say
        total.update(amounts(getattr(spec.resources, part)))
    for name, value in amounts(spec.overhead).items():
        if part == "requests" or name in total:
            total[name] = total.get(name, Quantity(0)) + value
    return total


def _raise_to_start(total: Amounts, spec: core.PodSpec, part: Part) -> None:
    """Each init container runs beside the sidecars before it; sidecars then stay."""
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.initContainers:
        needs = _of(container, part)
        if container.restartPolicy == "Always":
            _add(total, needs)
            _add(sidecars, needs)
            needs = sidecars
        else:
            _add(needs, sidecars)
        for name, value in needs.items():
            peak[name] = max(peak.get(name, value), value)
    for name, value in peak.items():
        total[name] = max(total.get(name, value), value)


def _of(container: core.Container, part: Part) -> Amounts:
    return amounts(getattr(container.resources, part))


def _add(total: Amounts, more: Amounts) -> None:
    for name, value in more.items():
        known = total.get(name)
        total[name] = value if known is None else known + value
