"""Bodies of requests in all their forms, and what is wrong with them."""

import json
from typing import Any

import pytest

from control_plane.server.bodies import MAX_BODY_BYTES, kind_of, received
from control_plane.server.errors import MAX_STATUS_BYTES, status_bytes
from knarr.api import envelope
from knarr.api.kinds import HORIZONTAL_POD_AUTOSCALER
from knarr.errors import BadRequest, Cause, Invalid, NotFound, TooLarge
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling_v1
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire

OBJECT = core.ConfigMap(metadata=meta.ObjectMeta(name="c"), data={"a": "1"})
DOCUMENT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}

FORMS = {
    "protobuf": wire.Body(protobuf=OBJECT.SerializeToString()),
    "protobuf of Kubernetes' clients": wire.Body(protobuf=envelope.write(OBJECT)),
    "JSON": wire.Body(json=json.dumps(DOCUMENT).encode()),
    "YAML": wire.Body(yaml=b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: '1'\n"),
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_the_same_object_in_every_form(body: wire.Body) -> None:
    got = received(core.ConfigMap, body)
    assert got.message == OBJECT
    assert got.value == (None if body.protobuf else DOCUMENT)


def test_an_object_in_another_version_of_its_kind() -> None:
    spec = {"maxReplicas": 5, "targetCPUUtilizationPercentage": 70}
    document = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "spec": spec}
    reference = wire.Reference(api_version="autoscaling/v1", kind="HorizontalPodAutoscaler")
    kind = kind_of(reference)
    assert kind is HORIZONTAL_POD_AUTOSCALER
    got = received(kind.message, wire.Body(json=json.dumps(document).encode()))
    assert got.value is not None
    assert (got.value["apiVersion"], list(got.value["spec"])) == (
        "autoscaling/v2",
        ["maxReplicas", "metrics"],
    )
    old = autoscaling_v1.HorizontalPodAutoscaler()
    old.spec.maxReplicas = 5
    from_protobuf: Any = received(kind.message, wire.Body(protobuf=envelope.write(old))).message
    assert from_protobuf.spec.maxReplicas == 5
    with pytest.raises(BadRequest, match="the object provided is autoscaling/v1"):
        received(core.ConfigMap, wire.Body(json=json.dumps(document).encode()))
    with pytest.raises(BadRequest, match=r"spec\.metrics: unknown field"):
        received(kind.message, wire.Body(json=json.dumps({**document, "spec": {"metrics": []}}).encode()))


def test_an_envelope_of_another_kind() -> None:
    with pytest.raises(BadRequest, match="the object provided is v1 Secret"):
        received(core.ConfigMap, wire.Body(protobuf=envelope.write(core.Secret())))


def test_fields_that_the_schema_does_not_know_in_protobuf() -> None:
    unknown = wire.Body(protobuf=OBJECT.SerializeToString() + b"\xba\x3e\x01x")
    with pytest.raises(BadRequest):
        received(core.ConfigMap, unknown)
    got = received(core.ConfigMap, unknown, wire.WARN)
    assert (got.message, len(got.warnings)) == (OBJECT, 1)
    assert received(core.ConfigMap, unknown, wire.IGNORE).warnings == ()


def test_a_body_that_is_too_large_is_not_read() -> None:
    with pytest.raises(TooLarge, match="limit is 3145728"):
        received(core.ConfigMap, wire.Body(json=b"{" * (MAX_BODY_BYTES + 1)))


def test_all_unknown_fields_are_told_with_the_nearest_names() -> None:
    body = wire.Body(json=b'{"metadata":{"nmae":"c"},"datas":{},"data":{"a":"1"}}')
    with pytest.raises(BadRequest) as refused:
        received(core.ConfigMap, body)
    assert {cause.field for cause in refused.value.causes} == {"metadata.nmae", "datas"}
    assert "did you mean name?" in refused.value.message
    assert refused.value.message.startswith('ConfigMap in version "v1" cannot be handled as a ConfigMap: ')


def test_a_kind_that_is_not_served() -> None:
    with pytest.raises(NotFound, match='no kind "Widget" in version "v1"'):
        kind_of(wire.Reference(api_version="v1", kind="Widget"))


@pytest.mark.parametrize("causes", [0, 3, 500])
@pytest.mark.parametrize("length", [10, 100_000])
def test_a_status_fits_into_metadata(causes: int, length: int) -> None:
    error = Invalid(
        "x" * length, causes=[Cause(f"f{n}", "FieldValueInvalid", "y" * 200) for n in range(causes)]
    )
    value = status_bytes(error)
    assert len(value) <= MAX_STATUS_BYTES
    status = meta.Status.FromString(value)
    assert (status.code, status.reason) == (422, "Invalid")
    assert len(status.details.causes) == causes or causes == 500 or length == 100_000
