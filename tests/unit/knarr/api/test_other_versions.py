"""Documents in versions that are not the served ones: read strictly as what they are, then converted."""

from typing import Any

import pytest
from hypothesis import given

from knarr.api import codec, conversion, envelope, kinds, manifest
from knarr.api.codec import DecodeError
from knarr.api.kinds import HORIZONTAL_POD_AUTOSCALER
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling_v1
from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling
from knarr.proto.kubernetes import events_v1_pb2 as events
from tests.support.generate import messages

AUTOSCALER = {
    "apiVersion": "autoscaling/v1",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "n"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 5,
        "targetCPUUtilizationPercentage": 70,
    },
}
CURRENT = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "n"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
            }
        ],
    },
}
YAML = """\
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 5
  targetCpuUtilizationPercentage: 70
"""
EVENT = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "n"},
    "eventTime": "2026-01-02T03:04:05.000000Z",
    "reportingController": "k/c",
    "reportingInstance": "c-1",
    "action": "Started",
    "reason": "Starts",
    "regarding": {"kind": "Pod", "name": "p", "namespace": "n"},
    "note": "it started",
    "type": "Normal",
    "series": {"count": 2, "lastObservedTime": "2026-01-02T03:05:05.000000Z"},
    "deprecatedSource": {"component": "old"},
    "deprecatedCount": 3,
}


CURRENT_EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "n"},
    "eventTime": "2026-01-02T03:04:05.000000Z",
    "reportingComponent": "k/c",
    "reportingInstance": "c-1",
    "action": "Started",
    "reason": "Starts",
    "involvedObject": {"kind": "Pod", "name": "p", "namespace": "n"},
    "message": "it started",
    "type": "Normal",
    "series": {"count": 2, "lastObservedTime": "2026-01-02T03:05:05.000000Z"},
    "source": {"component": "old"},
    "count": 3,
}
PAIRS = {"autoscaler": (AUTOSCALER, CURRENT), "event": (EVENT, CURRENT_EVENT)}


def without_type(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("apiVersion", "kind")}


def test_every_other_version_is_of_a_served_kind() -> None:
    assert {key: version.kind for key, version in conversion.VERSIONS.items()} == kinds.OTHER_VERSIONS
    for (api_version, name), version in conversion.VERSIONS.items():
        assert kinds.find(api_version, name) is version.kind
        assert version.kind in kinds.KINDS


@pytest.mark.parametrize(("document", "current"), PAIRS.values(), ids=PAIRS)
def test_a_document_is_said_in_the_served_version(document: dict[str, Any], current: dict[str, Any]) -> None:
    kind = codec.kind_of_dict(document)
    message = codec.from_dict(without_type(current), kind.message)
    assert codec.object_from_dict(document).strict() == message
    assert codec.decode_object(document, kind.message) == (codec.Decoded(message), current)


@pytest.mark.parametrize(("document", "current"), PAIRS.values(), ids=PAIRS)
def test_protobuf_of_another_version(document: dict[str, Any], current: dict[str, Any]) -> None:
    version = conversion.other_version(document)
    assert version is not None
    body = envelope.write(codec.from_dict(without_type(document), version.message))
    wanted = codec.from_dict(without_type(current), version.kind.message)
    assert envelope.kind_of(body) is version.kind
    assert envelope.read(body).strict() == wanted


def test_what_an_applied_document_leaves_out_stays_out() -> None:
    document = {**AUTOSCALER, "spec": {"minReplicas": 3, "targetCPUUtilizationPercentage": None}}
    decoded, current = codec.decode_object(document, autoscaling.HorizontalPodAutoscaler)
    assert current["spec"] == {"minReplicas": 3}
    assert decoded.strict().spec.minReplicas == 3


def test_status_is_converted_too() -> None:
    status = {"currentReplicas": 2, "desiredReplicas": 3, "currentCPUUtilizationPercentage": 40}
    document = {**AUTOSCALER, "status": status}
    _, current = codec.decode_object(document, autoscaling.HorizontalPodAutoscaler)
    metric = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 40}}}
    assert current["status"] == {"currentReplicas": 2, "desiredReplicas": 3, "currentMetrics": [metric]}


def test_unknown_fields_are_told_under_the_names_of_the_document_and_where_they_stand() -> None:
    (document,) = manifest.read_text(YAML, "hpa.yaml")
    with pytest.raises(DecodeError) as refused:
        document.decode().strict()
    (problem,) = refused.value.problems
    assert document.describe(problem) == (
        "hpa.yaml:6:35: spec.targetCpuUtilizationPercentage: unknown field; "
        "did you mean targetCPUUtilizationPercentage?"
    )


def test_fields_of_the_served_version_are_unknown_in_the_other() -> None:
    document = {**AUTOSCALER, "spec": {"maxReplicas": 5, "metrics": [{"type": "Pods"}]}}
    decoded, current = codec.decode_object(document, autoscaling.HorizontalPodAutoscaler)
    assert [problem.path for problem in decoded.unknown] == ["spec.metrics"]
    assert current["spec"] == {"maxReplicas": 5}
    assert not decoded.message.spec.metrics


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"targetCPUUtilizationPercentage": "many"}, "spec.targetCPUUtilizationPercentage"),
        ("many", "spec"),
    ],
)
def test_mistyped_fields_are_told_under_the_names_of_the_document(spec: Any, path: str) -> None:
    with pytest.raises(DecodeError) as refused:
        codec.object_from_dict({**AUTOSCALER, "spec": spec})
    assert [problem.path for problem in refused.value.problems] == [path]


@pytest.mark.parametrize("value", [None, 1, ["autoscaling/v1"], {}])
def test_a_version_that_is_no_text_names_nothing(value: Any) -> None:
    assert conversion.other_version({"apiVersion": value, "kind": HORIZONTAL_POD_AUTOSCALER.name}) is None


@given(messages(autoscaling_v1.HorizontalPodAutoscaler, full=False))
def test_any_autoscaler_can_be_converted(old: autoscaling_v1.HorizontalPodAutoscaler) -> None:
    new = envelope.read(envelope.write(old)).strict()
    assert isinstance(new, autoscaling.HorizontalPodAutoscaler)
    assert (new.metadata, new.spec.maxReplicas) == (old.metadata, old.spec.maxReplicas)
    assert len(new.spec.metrics) == old.spec.HasField("targetCPUUtilizationPercentage")


@given(messages(events.Event))
def test_any_event_can_be_converted(old: events.Event) -> None:
    new: Any = envelope.read(envelope.write(old)).strict()
    assert (new.metadata, new.message, new.count) == (old.metadata, old.note, old.deprecatedCount)
    assert (new.involvedObject, new.reportingComponent) == (old.regarding, old.reportingController)
