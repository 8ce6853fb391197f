"""LimitRanger: what a LimitRange fills in, and what it refuses. Pure.

Pods are looked at when they are made, claims when they are changed too.
Source: kubernetes.io/docs/concepts/policy/limit-range and Kubernetes' plugin/pkg/admission/limitranger.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from google.protobuf.message import Message

from control_plane.api.admission.refusing import refuse
from knarr.api import quantity
from knarr.api.kinds import Kind
from knarr.api.pod_amounts import Amounts, exact, pod_total
from knarr.api.quantity import NANOS
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

ANNOTATION: Final = "kubernetes.io/limit-ranger"
_MILLIS_MOST: Final = (2**63 - 1) // 1000  # larger ratios are compared in whole units, as Kubernetes does
CONTAINER, POD, CLAIM = "Container", "Pod", "PersistentVolumeClaim"


def fill_limits(pod: core.Pod, ranges: Sequence[core.LimitRange]) -> None:
    """Give each container the requests and limits that it lacks, in place, and note which."""
    for each in ranges:
        notes: list[str] = []
        requests, limits = _defaults(each)
        for what, containers in (
            ("container", pod.spec.containers),
            ("init container", pod.spec.initContainers),
        ):
            for container in containers:
                notes += _fill(container, requests, limits, what)
        if notes:
            pod.metadata.annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def check_limits(kind: Kind, obj: Message, ranges: Sequence[core.LimitRange]) -> None:
    """Raises Forbidden with all that is wrong by the first range that an object does not keep to."""
    for each in ranges:
        errors = list(dict.fromkeys(_errors(obj, each)))
        if errors:
            why = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
            raise refuse(kind, obj, why)


def _defaults(each: core.LimitRange) -> tuple[Mapping[str, meta.Quantity], Mapping[str, meta.Quantity]]:
    requests: dict[str, meta.Quantity] = {}
    limits: dict[str, meta.Quantity] = {}
    for item in each.spec.limits:
        if item.type == CONTAINER:
            requests.update(item.defaultRequest)
            limits.update(item.default)
    return requests, limits


def _fill(
    container: core.Container,
    requests: Mapping[str, meta.Quantity],
    limits: Mapping[str, meta.Quantity],
    what: str,
) -> Iterator[str]:
    for part, given, defaults in (
        ("request", container.resources.requests, requests),
        ("limit", container.resources.limits, limits),
    ):
        missing = sorted(name for name in defaults if name not in given)
        for name in missing:
            given[name].CopyFrom(defaults[name])
        if missing:
            yield f"{', '.join(missing)} {part} for {what} {container.name}"


def _errors(obj: Message, each: core.LimitRange) -> Iterator[str]:
    for item in each.spec.limits:
        if isinstance(obj, core.Pod) and item.type == CONTAINER:
            for container in (*obj.spec.containers, *obj.spec.initContainers):
                resources = container.resources
                yield from _checked(item, exact(resources.requests), exact(resources.limits))
        elif isinstance(obj, core.Pod) and item.type == POD:
            spec = obj.spec
            yield from _checked(item, pod_total(spec, "requests", exact), pod_total(spec, "limits", exact))
        elif isinstance(obj, core.PersistentVolumeClaim) and item.type == CLAIM:
            yield from _checked_claim(item, exact(obj.spec.resources.requests))


def _checked(item: core.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _below(item, requests, limits)
    for name in sorted(item.max):
        most, told = quantity.of(item.max[name]), _told("maximum", name, item, item.max[name])
        if name not in limits:
            yield f"{told}.  No limit is specified"
        elif limits[name] > most:
            yield f"{told}, but limit is {limits[name]}"
        elif name in requests and requests[name] > most:
            yield f"{told}, but request is {requests[name]}"
    for name in sorted(item.maxLimitRequestRatio):
        yield from _ratio(name, item, requests, limits)


def _below(item: core.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name in sorted(item.min):
        least, told = quantity.of(item.min[name]), _told("minimum", name, item, item.min[name])
        if name not in requests:
            yield f"{told}.  No request is specified"
        elif requests[name] < least:
            yield f"{told}, but request is {requests[name]}"
        elif name in limits and limits[name] < least:
            yield f"{told}, but limit is {limits[name]}"


def _checked_claim(item: core.LimitRangeItem, requests: Amounts) -> Iterator[str]:
    """Claims have no limits that anybody keeps: what they request is what they get."""
    yield from _below(item, requests, {})
    for name in sorted(item.max):
        told = _told("maximum", name, item, item.max[name])
        if name not in requests:
            yield f"{told}.  No request is specified"
        elif requests[name] > quantity.of(item.max[name]):
            yield f"{told}, but request is {requests[name]}"


def _ratio(name: str, item: core.LimitRangeItem, requests: Amounts, limits: Amounts) -> Iterator[str]:
    most = quantity.of(item.maxLimitRequestRatio[name])
    told = f"{name} max limit to request ratio per {item.type} is {most}"
    if not requests.get(name):
        yield f"{told}, but no request is specified or request is 0"
    elif not limits.get(name):
        yield f"{told}, but no limit is specified or limit is 0"
    else:
        ratio = limits[name].nanos / requests[name].nanos
        exact = most.ceil() <= _MILLIS_MOST
        allowed = most.ceil(NANOS // 1000) / 1000 if exact else most.ceil()
        if ratio > allowed:
            yield f"{told}, but provided ratio is {ratio:f}"


def _told(bound: str, name: str, item: core.LimitRangeItem, amount: meta.Quantity) -> str:
    return f"{bound} {name} usage per {item.type} is {quantity.of(amount)}"
