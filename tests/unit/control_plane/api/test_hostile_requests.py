"""What fuzzing found: input that crashed the server, held it up, or was stored and could not be used."""

import json
from typing import Any

import pytest

from control_plane.api.refusals import MOST_CAUSES
from control_plane.server.bodies import received
from control_plane.server.errors import MAX_STATUS_BYTES, status_bytes
from knarr.api import codec
from knarr.api.decoding import MAX_UNKNOWN
from knarr.api.kinds import CLUSTER_ROLE, CONFIG_MAP, LIMIT_RANGE, NAMESPACE, NODE, POD, Kind
from knarr.api.yaml_values import MAX_VALUES
from knarr.errors import BadRequest, Invalid, NotFound, Subject, Timeout
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, api_world
from tests.support.every_kind import every_kind


def reference(kind: Kind, name: str = "") -> wire.Reference:
    namespace = "default" if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace, name=name)


def body(value: Any) -> wire.Body:
    return wire.Body(json=json.dumps(value).encode())


async def sample(world: ApiWorld, kind: Kind) -> Any:
    create = wire.CreateRequest(reference=reference(kind), body=body(every_kind()[kind]))
    return kind.message.FromString((await world.writes.create(create)).object)


def test_a_key_that_utf8_cannot_hold_is_named_by_its_escape() -> None:
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"\ud800": 1}}
    with pytest.raises(BadRequest) as caught:
        received(core.ConfigMap, body(value))
    assert [cause.field for cause in caught.value.causes] == ["metadata.\\ud800"]
    assert b"\\ud800" in status_bytes(caught.value)


def test_a_warning_about_a_key_that_utf8_cannot_hold() -> None:
    got = received(core.ConfigMap, body({"metadata": {"name": "a"}, "\ud800": 1}), wire.WARN)
    assert got.warnings == ("\\ud800: unknown field",)


async def test_an_object_with_the_largest_generation_can_be_deleted() -> None:
    async with api_world() as world:
        value = {"metadata": {"name": "a", "generation": 2**63 - 1, "finalizers": ["example.com/hold"]}}
        await world.writes.create(wire.CreateRequest(reference=reference(CONFIG_MAP), body=body(value)))
        answer = await world.writes.delete(wire.DeleteRequest(reference=reference(CONFIG_MAP, "a")))
        assert answer.outcome == wire.DELETING


def test_a_name_of_any_length_fits_into_an_answer() -> None:
    error = NotFound("x" * 1_000_000, subject=Subject("ä" * 9_000, "ä" * 9_000, "漢" * 9_000, "y" * 9_000))
    assert len(status_bytes(error)) <= MAX_STATUS_BYTES


def test_so_many_unknown_fields_are_reported_and_no_more() -> None:
    value = {"metadata": {f"unknown{index}": 1 for index in range(3 * MAX_UNKNOWN)}}
    with pytest.raises(BadRequest) as caught:
        received(core.ConfigMap, body(value))
    assert len(caught.value.causes) == MAX_UNKNOWN
    with pytest.raises(BadRequest) as caught:
        received(core.ConfigMap, wire.Body(protobuf=b"\x78\x01" * (3 * MAX_UNKNOWN)))
    assert len(caught.value.causes) == MAX_UNKNOWN


@pytest.mark.parametrize(
    "wrong", [{"data": {str(n): n for n in range(9_000)}}, {"metadata": {"finalizers": [1] * 9_000}}]
)
def test_after_so_many_wrong_values_the_rest_is_not_looked_at(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        received(core.ConfigMap, body(wrong))
    assert 1 <= len(caught.value.causes) <= 2 * MAX_UNKNOWN


def test_unknown_fields_hide_no_wrong_value() -> None:
    value = {**{f"unknown{index}": 1 for index in range(3 * MAX_UNKNOWN)}, "data": {"a": 1}}
    with pytest.raises(BadRequest, match=r"data\[a\]: expected a string"):
        received(core.ConfigMap, body(value), wire.IGNORE)


def test_a_yaml_document_has_so_many_values_and_no_more() -> None:
    text = b"data: [" + b"1," * (MAX_VALUES + 1) + b"]"
    with pytest.raises(BadRequest, match="more than 250000 values"):
        received(core.ConfigMap, wire.Body(yaml=text))


async def test_an_object_is_told_so_many_causes_and_no_more() -> None:
    async with api_world() as world:
        value = {"metadata": {"name": "a"}, "rules": [{}] * 2_000}
        create = wire.CreateRequest(reference=reference(CLUSTER_ROLE), body=body(value))
        with pytest.raises(Invalid) as caught:
            await world.writes.create(create)
        assert len(caught.value.causes) == MOST_CAUSES


def test_a_struct_of_nothing_but_unknown_fields_is_absent() -> None:
    got = received(core.LimitRange, wire.Body(protobuf=b"\x12\x02\x78\x01"), wire.IGNORE)
    assert got.message == core.LimitRange()
    assert codec.from_dict(codec.to_dict(got.message), LIMIT_RANGE.message) == got.message


async def test_a_status_update_may_not_bring_labels_that_an_update_refuses() -> None:
    async with api_world() as world:
        pod = await sample(world, POD)
        pod.metadata.labels["not a key"] = "x"
        update = wire.UpdateRequest(reference=reference(POD, "sample"))
        update.body.protobuf = pod.SerializeToString()
        with pytest.raises(Invalid, match=r"metadata\.labels"):
            await world.writes.update(update, "status")


async def test_a_status_update_may_not_bring_amounts_that_an_update_refuses() -> None:
    async with api_world() as world:
        node = await sample(world, NODE)
        node.status.allocatable["a"].string = "1"
        update = wire.UpdateRequest(reference=reference(NODE, "sample"))
        update.body.protobuf = node.SerializeToString()
        with pytest.raises(Invalid, match=r"status\.allocatable\[a\]"):
            await world.writes.update(update, "status")


async def test_a_status_update_leaves_defaults_in_place() -> None:
    async with api_world() as world:
        namespace = await sample(world, NAMESPACE)
        before = dict(namespace.metadata.labels)
        namespace.ClearField("status")
        namespace.metadata.labels.clear()
        update = wire.UpdateRequest(reference=reference(NAMESPACE, "sample"))
        update.body.protobuf = namespace.SerializeToString()
        answer = await world.writes.update(update, "status")
        after = core.Namespace.FromString(answer.object)
        assert after.status.phase == "Active"
        name = "kubernetes.io/metadata.name"
        assert after.metadata.labels[name] == before[name]


async def test_a_list_of_a_version_that_is_not_there_yet() -> None:
    async with api_world() as world:
        request = wire.ListRequest(
            reference=reference(CONFIG_MAP), resource_version="999999", version_match=wire.EXACT
        )
        with pytest.raises(Timeout, match="Too large resource version") as caught:
            _ = [chunk async for chunk in world.reads.list(request)]
        assert [cause.reason for cause in caught.value.causes] == ["ResourceVersionTooLarge"]


async def test_a_selector_of_any_length_is_answered_at_once() -> None:
    async with api_world() as world:
        for labels, fields in (("a," * 40_000, ""), ("", "a=b," * 20_000)):
            request = wire.ListRequest(
                reference=reference(CONFIG_MAP), label_selector=labels, field_selector=fields
            )
            with pytest.raises(BadRequest, match="no more than 65536 characters"):
                _ = [chunk async for chunk in world.reads.list(request)]
