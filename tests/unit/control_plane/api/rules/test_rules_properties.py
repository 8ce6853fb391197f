"""What holds of every table: defaults twice are defaults once, and nothing that parses makes a rule fail."""

import random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.rules import default_object, validate_create, validate_status_update, validate_update
from control_plane.api.rules.api import BY_MESSAGE
from knarr.api import codec
from knarr.api.kinds import Kind
from tests.support.generate import value_of

SEEDS = st.integers(0, 2**32 - 1)
TEXTS = (
    "",
    "a",
    "A_b",
    "Always",
    "RollingUpdate",
    "ClientIP",
    "10.0.0.1",
    "..",
    "1%",
    "é",
    "x" * 300,
    "In",
    "1Gi",
)
NUMBERS = (0, 1, -1, 80, 2**31 - 1, -(2**31))
KINDS = [Kind("", "v1", message.DESCRIPTOR.name, "", (), True, message) for message in BY_MESSAGE]


def scramble(message: Any, rng: random.Random, depth: int = 0) -> None:
    """Set some fields to anything that bytes could say, quantities and types of IntOrString included."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() > 0.4 / (1 + depth / 6):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _scramble_map(getattr(message, field.name), field, rng, depth)
        elif field.is_repeated:
            for _ in range(rng.randint(1, 2)):
                _append(getattr(message, field.name), field, rng, depth)
        elif field.message_type is not None:
            getattr(message, field.name).SetInParent()
            scramble(getattr(message, field.name), rng, depth + 1)
        else:
            setattr(message, field.name, _scalar(field, rng))


def _scramble_map(values: Any, field: FieldDescriptor, rng: random.Random, depth: int) -> None:
    assert field.message_type is not None
    value = field.message_type.fields_by_name["value"]
    key = rng.choice(("cpu", "storage", "ex.com/gpu", *TEXTS))
    if value.message_type is not None:
        scramble(values[key], rng, depth + 1)
    else:
        values[key] = _scalar(value, rng)


def _append(values: Any, field: FieldDescriptor, rng: random.Random, depth: int) -> None:
    if field.message_type is not None:
        scramble(values.add(), rng, depth + 1)
    else:
        values.append(_scalar(field, rng))


def _scalar(field: FieldDescriptor, rng: random.Random) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return rng.choice(TEXTS)
        case FieldDescriptor.TYPE_BYTES:
            return rng.choice((b"", b"{}", b"\xff"))
        case FieldDescriptor.TYPE_BOOL:
            return rng.random() < 0.5
    return rng.choice(NUMBERS)


def check_all(kind: Kind, obj: Message, other: Message) -> None:
    """Defaults are idempotent; nothing raises."""
    for message in (obj, other):
        default_object(kind, message)
    once = type(obj)()
    once.CopyFrom(obj)
    default_object(kind, obj)
    assert obj == once
    first = validate_create(kind, obj)
    assert validate_create(kind, obj) == first
    validate_update(kind, obj, other)
    validate_status_update(kind, obj, other)
    assert obj == once, "validation changed the object"


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_any_document(kind: Kind, seed: int) -> None:
    rng = random.Random(seed)
    one, other = (codec.from_dict(value_of(kind.message, rng, full=False), kind.message) for _ in range(2))
    check_all(kind, one, other)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS)
def test_any_bytes(kind: Kind, seed: int) -> None:
    rng = random.Random(seed)
    one, other = kind.message(), kind.message()
    scramble(one, rng)
    scramble(other, rng)
    check_all(kind, one, other)
