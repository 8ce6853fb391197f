"""Fields that a patch names and a kind does not have; tolerations that a writer leaves out."""

import json
from typing import Any

import pytest

from knarr.api import codec, kinds
from knarr.errors import Invalid
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import ApiWorld, api_world

CONFIG = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default", name="obj")
POD = wire.Reference(api_version="v1", kind="Pod", namespace="default", name="obj")
PATCHES: dict[str, tuple["wire.PatchRequest.Type.ValueType", Any]] = {
    "strategic": (wire.PatchRequest.STRATEGIC, {"data": {"a": "1"}, "dta": {}}),
    "merge": (wire.PatchRequest.MERGE, {"data": {"a": "1"}, "dta": {}}),
    "json": (
        wire.PatchRequest.JSON,
        [
            {"op": "add", "path": "/data", "value": {"a": "1"}},
            {"op": "add", "path": "/dta", "value": {}},
        ],
    ),
}


async def create(world: ApiWorld, reference: wire.Reference, document: dict[str, Any]) -> Any:
    body = wire.Body(json=json.dumps({"metadata": {"name": "obj"}, **document}).encode())
    kind = kinds.find(reference.api_version, reference.kind)
    assert kind is not None
    place = wire.Reference(api_version=kind.api_version, kind=kind.name, namespace="default")
    answer = await world.writes.create(wire.CreateRequest(reference=place, body=body))
    return kind.message.FromString(answer.object)


def patch(name: str, validation: "wire.FieldValidation.ValueType") -> wire.PatchRequest:
    type_, value = PATCHES[name]
    options = wire.WriteOptions(field_validation=validation)
    return wire.PatchRequest(reference=CONFIG, type=type_, patch=json.dumps(value).encode(), options=options)


@pytest.mark.parametrize("name", PATCHES)
async def test_unknown_fields_are_refused_named_or_dropped_as_asked(name: str) -> None:
    async with api_world() as world:
        await create(world, CONFIG, {})

        with pytest.raises(Invalid, match="dta: unknown field"):
            await world.writes.patch(patch(name, wire.STRICT))
        warned = await world.writes.patch(patch(name, wire.WARN))
        ignored = await world.writes.patch(patch(name, wire.IGNORE))

        assert [text.partition(":")[0] for text in warned.warnings] == ["dta"]
        assert not ignored.warnings
        assert dict(kinds.CONFIG_MAP.message.FromString(warned.object).data) == {"a": "1"}  # type: ignore[attr-defined]


async def test_a_pod_written_without_the_tolerations_it_was_given_keeps_them() -> None:
    async with api_world() as world:
        spec = {"containers": [{"name": "c", "image": "i:1"}]}
        pod = await create(world, POD, {"spec": spec})
        written = codec.object_to_dict(pod)
        del written["spec"]["tolerations"]
        written["metadata"]["labels"] = {"a": "b"}

        body = wire.Body(json=json.dumps(written).encode())
        answer = await world.writes.update(wire.UpdateRequest(reference=POD, body=body))

        changed: Any = kinds.POD.message.FromString(answer.object)
        assert changed.spec == pod.spec
        assert dict(changed.metadata.labels) == {"a": "b"}
