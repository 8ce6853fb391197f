"""Protobuf bodies of Kubernetes' clients: recorded ones, and everything that is none."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from knarr.api import codec, envelope
from knarr.api.errors import DecodeError, EnvelopeError
from knarr.api.normal import normalise
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

RECORDED = Path(__file__).parents[3] / "conformance" / "kubectl-protobuf-bodies.jsonl"
TYPES: dict[str, type[Message]] = {
    "ConfigMap": core.ConfigMap,
    "Deployment": apps.Deployment,
    "Job": batch.Job,
    "Namespace": core.Namespace,
    "PriorityClass": scheduling.PriorityClass,
    "Service": core.Service,
}
BODIES = [json.loads(line) for line in RECORDED.read_text().splitlines()]


@pytest.mark.parametrize("body", BODIES, ids=[body["meaning"]["kind"] for body in BODIES])
def test_recorded_bodies_of_kubectl_are_the_message_that_their_json_says(body: dict[str, Any]) -> None:
    meaning = body["meaning"]
    version, kind, raw = envelope.unwrap(base64.b64decode(body["body_base64"]))
    assert (version, kind) == (meaning["apiVersion"], meaning["kind"])
    decoded = envelope.read_message(raw, TYPES[kind])
    assert decoded.unknown == ()
    assert decoded.message == codec.from_dict(meaning, TYPES[kind])
    written = codec.object_to_dict(decoded.message)
    assert codec.from_dict(written, TYPES[kind]) == decoded.message
    assert envelope.unwrap(envelope.write(decoded.message))[:2] == (version, kind)


def test_all_recorded_kinds_are_tried() -> None:
    assert {body["meaning"]["kind"] for body in BODIES} == set(TYPES)


def test_an_explicit_zero_of_a_pointer_is_kept() -> None:
    body = next(body for body in BODIES if body["meaning"]["kind"] == "Deployment")
    decoded = envelope.read(base64.b64decode(body["body_base64"])).message
    assert isinstance(decoded, apps.Deployment)
    assert decoded.spec.HasField("replicas")
    assert not decoded.metadata.HasField("creationTimestamp")
    assert not decoded.HasField("status")


def test_messages_survive_the_envelope() -> None:
    pod = core.Pod(metadata=meta.ObjectMeta(name="a"), spec=core.PodSpec(volumes=[core.Volume(name="v")]))
    pod.spec.volumes[0].volumeSource.emptyDir.SetInParent()
    assert envelope.read(envelope.write(pod)).strict() == pod
    assert envelope.kind_of(envelope.write(pod)).name == "Pod"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\x00\x08\x01",
        b"k8s\x00\x0a\xff",
        b"k8s\x00\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"k8s\x00\x1a\x04gzip",
        b"k8s\x00\x22\x10application/json",
        b"k8s\x00\x0a\x03\x0a\x01\xff",
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeError):
        envelope.unwrap(data)


def test_a_body_of_another_type_is_refused() -> None:
    with pytest.raises(EnvelopeError, match="the body is no Pod"):
        envelope.read_message(b"\xff", core.Pod)


def test_fields_with_unknown_numbers_are_named() -> None:
    raw = core.Pod(spec=core.PodSpec(nodeName="n")).SerializeToString()
    newer = raw.replace(b"\x12\x03", b"\x12\x07", 1) + b"\xfa\x3e\x01x"  # spec gets field 1007
    decoded = envelope.read_message(newer, core.Pod)
    assert [str(problem) for problem in decoded.unknown] == ["spec: has the unknown field number 1007"]
    assert decoded.message.SerializeToString() == raw
    with pytest.raises(DecodeError):
        decoded.strict()


DEEP = b'{"a":' * 150 + b"1" + b"}" * 150


def managed(raw: bytes) -> meta.ObjectMeta:
    entry = meta.ManagedFieldsEntry(fieldsV1=meta.FieldsV1(Raw=raw))
    return meta.ObjectMeta(managedFields=[entry])


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (core.ResourceRequirements(limits={"cpu": meta.Quantity(string="x")}), "limits[cpu]"),
        (core.ServicePort(targetPort=meta.IntOrString(type=7)), "targetPort"),
        (meta.ObjectMeta(creationTimestamp=meta.Time(seconds=2**60)), "creationTimestamp"),
        (managed(b"{"), "managedFields[0].fieldsV1"),
        (managed(b"5"), "managedFields[0].fieldsV1"),
        (apps.ControllerRevision(data=meta.RawExtension(raw=DEEP)), "data"),
    ],
)
def test_values_that_no_json_could_give_are_refused(message: Message, path: str) -> None:
    with pytest.raises(DecodeError) as raised:
        normalise(message)
    assert [problem.path for problem in raised.value.problems] == [path]


def test_values_get_the_form_that_json_gives_them() -> None:
    port = core.ServicePort(port=1, targetPort=meta.IntOrString(type=1, intVal=3, strVal="http"))
    service = core.Service(spec=core.ServiceSpec(ports=[port]))
    selector = core.ResourceFieldSelector(resource="cpu", divisor=meta.Quantity(string="0"))
    quota = core.ResourceQuotaSpec(hard={"cpu": meta.Quantity(string="1000m")})
    event = core.Event(eventTime=meta.MicroTime(seconds=1, nanos=1_234_567))
    for message in (service, selector, quota, event):
        normalise(message)
    assert service.spec.ports[0].targetPort == meta.IntOrString(type=1, strVal="http")
    assert not selector.HasField("divisor")
    assert quota.hard["cpu"].string == "1"
    assert event.eventTime.nanos == 1_234_000


@given(st.binary(max_size=80), st.sampled_from(sorted(TYPES)))
def test_any_bytes_are_an_object_or_refused(data: bytes, kind: str) -> None:
    for read in (envelope.read, lambda body: envelope.read_message(body, TYPES[kind])):
        try:
            message = read(data).message
        except (EnvelopeError, DecodeError):
            continue
        assert codec.from_dict(codec.to_dict(message), type(message)) == message
