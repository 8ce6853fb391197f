"""Documents in other versions of served kinds, said in the version in which the kind is served.

People still write autoscaling/v1 and events.k8s.io/v1. Kubernetes keeps one object and serves it in each
version; Knarr reads these, stores the served version, and answers with that. A document is first decoded as
what it says it is, so that unknown and mistyped fields are told under the names that stand in it; only then
is it converted. What a document leaves out stays out: an applied one owns no more than it says.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from knarr.api.kinds import EVENT, HORIZONTAL_POD_AUTOSCALER, Kind
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import events_v1_pb2 as events

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a kind that is not the served one."""

    kind: Kind
    message: type[Message]  # as this version has it
    _fields: Callable[[Document], dict[str, Any]]

    def convert(self, document: Document) -> dict[str, Any]:
        """A document that fits the message, in the served version. Fields that do not fit are left out."""
        return {"apiVersion": self.kind.api_version, "kind": self.kind.name, **self._fields(document)}


def other_version(document: Document) -> Version | None:
    """The version that a document names; None for a served one, and for one that is not known."""
    named = (document.get("apiVersion"), document.get("kind"))
    return VERSIONS.get(named) if all(isinstance(each, str) for each in named) else None


def _same(document: Document, names: Iterable[str]) -> dict[str, Any]:
    return {name: document[name] for name in names if name in document}


def _autoscaler(document: Document) -> dict[str, Any]:
    """Version 1 knows one metric: how much the pods use of the CPU time that they request."""
    result = _same(document, ("metadata", "spec", "status"))
    spec, status = result.get("spec"), result.get("status")
    if spec:
        result["spec"] = _same(spec, ("scaleTargetRef", "minReplicas", "maxReplicas"))
        percent = spec.get("targetCPUUtilizationPercentage")
        if percent is not None:
            target = {"type": "Utilization", "averageUtilization": percent}
            result["spec"]["metrics"] = [_cpu(target=target)]
    if status:
        kept = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
        result["status"] = _same(status, kept)
        percent = status.get("currentCPUUtilizationPercentage")
        if percent is not None:
            result["status"]["currentMetrics"] = [_cpu(current={"averageUtilization": percent})]
    return result


def _cpu(**said: Any) -> dict[str, Any]:
    return {"type": "Resource", "resource": {"name": "cpu", **said}}


_EVENT: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


_EVENT_FIELDS: Final = tuple(events.Event.DESCRIPTOR.fields_by_name)


def _event(document: Document) -> dict[str, Any]:
    """Only names differ."""
    return {_EVENT.get(name, name): document[name] for name in _EVENT_FIELDS if name in document}


VERSIONS: Final[Mapping[Any, Version]] = {
    ("autoscaling/v1", "HorizontalPodAutoscaler"): Version(
        HORIZONTAL_POD_AUTOSCALER, autoscaling.HorizontalPodAutoscaler, _autoscaler
    ),
    ("events.k8s.io/v1", "Event"): Version(EVENT, events.Event, _event),
}
