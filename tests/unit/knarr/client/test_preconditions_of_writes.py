"""Which requests can be sent a second time without harm."""

import json

import pytest

from knarr.client.preconditions import WriteRequest, is_conditional, is_dry
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

NAMED = wire.Reference(api_version="v1", kind="ConfigMap", namespace="n", name="c")
UNNAMED = wire.Reference(api_version="v1", kind="ConfigMap", namespace="n")
PATCH = wire.PatchRequest


def config_map(version: str = "", uid: str = "") -> wire.Body:
    made = core.ConfigMap(metadata=meta.ObjectMeta(name="c", resourceVersion=version, uid=uid))
    return wire.Body(protobuf=made.SerializeToString())


def as_json(version: object) -> wire.Body:
    return wire.Body(json=json.dumps({"metadata": {"resourceVersion": version}}).encode())


def patch(kind: "wire.PatchRequest.Type.ValueType", document: object) -> wire.PatchRequest:
    return PATCH(reference=NAMED, type=kind, patch=json.dumps(document).encode())


def binding(uid: str) -> wire.Body:
    return wire.Body(protobuf=core.Binding(metadata=meta.ObjectMeta(uid=uid)).SerializeToString())


def eviction(uid: str) -> wire.Body:
    made = policy.Eviction()
    made.deleteOptions.preconditions.uid = uid
    return wire.Body(protobuf=made.SerializeToString())


def scale(version: str) -> wire.Body:
    made = autoscaling.Scale(metadata=meta.ObjectMeta(resourceVersion=version))
    return wire.Body(protobuf=made.SerializeToString())


def options(uid: str = "", version: str = "") -> meta.DeleteOptions:
    return meta.DeleteOptions(preconditions=meta.Preconditions(uid=uid, resourceVersion=version))


VERSION = {"metadata": {"resourceVersion": "7"}}
TEST = {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
CASES: dict[str, tuple[WriteRequest, bool]] = {
    "create": (wire.CreateRequest(reference=NAMED, body=config_map("7", "u")), False),
    "binding": (wire.CreateRequest(reference=NAMED, body=binding(""), subresource="binding"), False),
    "binding of a uid": (wire.CreateRequest(reference=NAMED, body=binding("u"), subresource="binding"), True),
    "eviction": (wire.CreateRequest(reference=NAMED, subresource="eviction"), False),
    "eviction of a uid": (
        wire.CreateRequest(reference=NAMED, body=eviction("u"), subresource="eviction"),
        True,
    ),
    "update": (wire.UpdateRequest(reference=NAMED, body=config_map()), False),
    "update of a version": (wire.UpdateRequest(reference=NAMED, body=config_map("7")), True),
    "update of a version as JSON": (wire.UpdateRequest(reference=NAMED, body=as_json("7")), True),
    "update of no version as JSON": (wire.UpdateRequest(reference=NAMED, body=as_json(7)), False),
    "update as YAML": (wire.UpdateRequest(reference=NAMED, body=wire.Body(yaml=b"metadata: {}")), False),
    "update as no JSON": (wire.UpdateRequest(reference=NAMED, body=wire.Body(json=b"{")), False),
    "update as no protobuf": (
        wire.UpdateRequest(reference=NAMED, body=wire.Body(protobuf=b"\xff\xff")),
        False,
    ),
    "update of no kind": (
        wire.UpdateRequest(reference=wire.Reference(kind="Widget"), body=config_map("7")),
        False,
    ),
    "scale of a version": (
        wire.UpdateRequest(reference=NAMED, body=scale("7"), subresource="scale"),
        True,
    ),
    "merge patch": (patch(PATCH.MERGE, {"data": {}}), False),
    "merge patch of a version": (patch(PATCH.MERGE, VERSION), True),
    "strategic patch of a version": (patch(PATCH.STRATEGIC, VERSION), True),
    "JSON patch": (patch(PATCH.JSON, [{**TEST, "op": "add"}]), False),
    "JSON patch of a version": (patch(PATCH.JSON, [TEST]), True),
    "JSON patch that is none": (patch(PATCH.JSON, {"metadata": {}}), False),
    "patch that is no object": (patch(PATCH.MERGE, [1]), False),
    "apply": (wire.ApplyRequest(reference=NAMED, body=as_json(None)), False),
    "apply of a version": (wire.ApplyRequest(reference=NAMED, body=as_json("7")), True),
    "delete": (wire.DeleteRequest(reference=NAMED), False),
    "delete of a uid": (wire.DeleteRequest(reference=NAMED, options=options("u")), True),
    "delete of a version": (wire.DeleteRequest(reference=NAMED, options=options("", "7")), True),
    "delete of a collection": (wire.DeleteRequest(reference=UNNAMED, options=options("u")), False),
}


@pytest.mark.parametrize(("request_", "conditional"), CASES.values(), ids=CASES)
def test_what_can_be_sent_again(request_: WriteRequest, conditional: bool) -> None:
    assert is_conditional(request_) == conditional


DRY: dict[str, tuple[WriteRequest, bool]] = {
    "create": (wire.CreateRequest(reference=NAMED, options=wire.WriteOptions(dry_run=True)), True),
    "delete": (wire.DeleteRequest(reference=NAMED, dry_run=True), True),
    "delete by its options": (
        wire.DeleteRequest(reference=NAMED, options=meta.DeleteOptions(dryRun=["All"])),
        True,
    ),
    "a real one": (wire.DeleteRequest(reference=NAMED), False),
}


@pytest.mark.parametrize(("request_", "dry"), DRY.values(), ids=DRY)
def test_what_writes_nothing(request_: WriteRequest, dry: bool) -> None:
    assert is_dry(request_) == dry
