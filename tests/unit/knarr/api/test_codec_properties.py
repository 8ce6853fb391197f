"""What goes through the codec comes out unchanged, for every object type of the schema."""

import importlib
import json
import pkgutil
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import knarr.proto.kubernetes as schemas
from knarr.api import codec, envelope, kinds, manifest, schema
from knarr.api.errors import DecodeError
from knarr.api.yaml_text import to_yaml
from tests.support.generate import messages, values


def _object_types() -> list[type[Message]]:
    found = []
    for module in pkgutil.iter_modules(schemas.__path__):
        descriptor = importlib.import_module(f"{schemas.__name__}.{module.name}").DESCRIPTOR
        for message in descriptor.message_types_by_name.values():
            if schema.has_type_meta(message) and not message.name.endswith(("List", "Options")):
                found.append(schema.message_class(message))
    return sorted(found, key=schema.full_name)


OBJECTS = _object_types()
FEW = settings(max_examples=10, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


def test_the_served_kinds_are_among_the_types() -> None:
    assert {kind.message for kind in kinds.KINDS} <= set(OBJECTS)
    assert len(OBJECTS) > 30


@pytest.mark.parametrize("message", OBJECTS, ids=schema.full_name)
def test_an_object_with_every_field_set_survives(message: type[Message]) -> None:
    @FEW
    @given(messages(message))
    def survives(original: Message) -> None:
        as_dict = codec.object_to_dict(original)
        _every_field_is_set(original)
        assert codec.from_dict(as_dict, message) == original
        assert codec.from_json(codec.to_json(original), message).strict() == original
        (document,) = manifest.read_text(to_yaml(as_dict))
        from_yaml = codec.from_dict(document.value, message)
        assert from_yaml == original
        assert codec.object_to_dict(from_yaml) == as_dict
        raw = envelope.unwrap(envelope.write(original))[2]
        assert envelope.read_message(raw, message).strict() == original

    survives()


def _every_field_is_set(message: Message) -> None:
    missing = {field.name for field in message.DESCRIPTOR.fields} - {
        field.name for field, _ in message.ListFields()
    }
    assert not missing


@pytest.mark.parametrize("kind", kinds.KINDS, ids=str)
def test_an_object_with_any_fields_survives(kind: kinds.Kind) -> None:
    @FEW
    @given(values(kind.message, full=False))
    def survives(value: dict[str, Any]) -> None:
        original = codec.from_dict(value, kind.message)
        as_dict = codec.to_dict(original)
        assert codec.from_dict(as_dict, kind.message) == original
        assert _without_empty(as_dict) == _without_empty(value)

    survives()


def _without_empty(value: Any) -> Any:
    """Without what the omission rules add or take: null, zero, and what holds nothing else."""
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        drop: tuple[Any, ...] = (None, "", 0, False, {}, "0")
        return {
            key: item for key, item in kept.items() if item not in drop and key not in ("apiVersion", "kind")
        }
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_any_value_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(kinds.KINDS))
    value = data.draw(values(kind.message, full=False))
    place: Any = value
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if data.draw(st.booleans()):
            place[key] = data.draw(_JSON)
            break
        place = place[key]
    try:
        message = codec.decode(value, kind.message).message
    except DecodeError:
        return
    again = codec.from_dict(json.loads(json.dumps(codec.to_dict(message))), kind.message)
    assert again == message


@given(st.binary(max_size=60) | st.text('{}[]",:0a1e-.tru nfl\\u', max_size=60).map(str.encode))
def test_any_bytes_as_json_are_read_or_refused(data: bytes) -> None:
    try:
        decoded = codec.from_json(data, kinds.POD.message)
    except DecodeError:
        return
    assert codec.to_json(decoded.message)
