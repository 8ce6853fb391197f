"""Random objects made from their schema, for property tests: `messages(core.Pod)`.

What is generated is what JSON can say and the codec keeps: canonical quantities, times without fractions
where the type has none, no zero where zero means absent. hypothesis draws a seed and not the thousands of
values that a full Pod has: that many choices are more than it keeps for one example.
"""

import random
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from knarr.api import codec, quantity, schema, times

_TRICKY: Final = (
    "yes",
    "0644",
    "1e3",
    "null",
    "~",
    " ",
    "a: b",
    "#",
    "2026-01-31",
    "<<",
    "é\n",
    "-",
    "12:30",
)
_LETTERS: Final = "abz.-_/0:{}\"'\\\n\tÄ漢🛶"
_KEYS: Final = ("a", "b.c/d", "yes", "1", "<<", "null", "a b", "[x]")
_SUFFIXES: Final = ("n", "u", "m", "", "k", "M", "G", "T", "Ki", "Mi", "Gi", "e3")
_MAX_SECONDS: Final = 253_402_300_799
_SEEDS: Final = st.integers(0, 2**32 - 1)


def values(message: type[Message], *, full: bool = True) -> SearchStrategy[dict[str, Any]]:
    """JSON objects of a message type; every field set when `full`, else some of them."""
    return _SEEDS.map(lambda seed: value_of(message, random.Random(seed), full=full))


def messages(message: type[Message], *, full: bool = True) -> SearchStrategy[Any]:
    """Messages of a type; every field set when `full`, else some of them."""
    return values(message, full=full).map(lambda value: codec.from_dict(value, message))


def value_of(message: type[Message], rng: random.Random, *, full: bool = True) -> dict[str, Any]:
    """One JSON object of a message type."""
    descriptor: Any = message.DESCRIPTOR  # stubs know two classes of the same name
    return _object(descriptor, rng, full)


def _object(descriptor: Descriptor, rng: random.Random, full: bool) -> dict[str, Any]:
    return {
        field.key: _field(field, rng, full)
        for field in schema.fields(descriptor)
        if full or rng.random() < 0.25
    }


def _field(field: schema.Field, rng: random.Random, full: bool) -> Any:
    # Long lists at every level would make an object grow without end.
    count = rng.choice((1, 1, 1, 2))
    if field.is_map:
        return {rng.choice(_KEYS): _one(field.map_value, rng, full, True) for _ in range(count)}
    if field.is_list:
        count = count if field.message is None else 1
        return [_one(field.descriptor, rng, full, True) for _ in range(count)]
    return _one(field.descriptor, rng, full, field.keeps_zero)


def _one(descriptor: FieldDescriptor, rng: random.Random, full: bool, zero: bool) -> Any:
    kind = descriptor.message_type
    if kind is not None:
        special = _SPECIAL.get(kind.full_name)
        return special(rng) if special is not None else _object(kind, rng, full)
    match descriptor.type:
        case FieldDescriptor.TYPE_STRING:
            return "" if zero and rng.random() < 0.2 else _text(rng)
        case FieldDescriptor.TYPE_BOOL:
            return not zero or rng.random() < 0.5
        case FieldDescriptor.TYPE_INT32:
            return _number(rng, 31, zero)
        case FieldDescriptor.TYPE_INT64:
            return _number(rng, 63, zero)
    return rng.choice(("YQ==", "AAEC/w=="))


def _text(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(_TRICKY)
    return "".join(rng.choices(_LETTERS, k=rng.randint(1, 6)))


def _number(rng: random.Random, bits: int, zero: bool) -> int:
    smallest = 0 if zero else 1
    return rng.choice((smallest, 1, -1, 2**bits - 1, -(2**bits), rng.randint(1, 1000)))


def _quantity(rng: random.Random) -> str:
    return quantity.canonical(f"{rng.randint(1, 10**6)}{rng.choice(_SUFFIXES)}")


def _time(rng: random.Random) -> str:
    return times.format_time(rng.randint(1, _MAX_SECONDS))


def _json(rng: random.Random) -> dict[str, Any]:
    leaf: tuple[Any, ...] = (None, True, -1, 2**40, 1.5, _text(rng), [], {})
    return {rng.choice(_KEYS): rng.choice((*leaf, [rng.choice(leaf)], {"f:a": rng.choice(leaf)}))}


_SPECIAL: Final[dict[str, Callable[[random.Random], Any]]] = {
    schema.META + "Time": _time,
    schema.META + "MicroTime": lambda rng: f"{_time(rng)[:-1]}.{rng.randrange(10**6):06}Z",
    schema.META + "Duration": lambda rng: times.format_duration(rng.randint(-(10**15), 10**15)),
    schema.META + "Quantity": _quantity,
    schema.META + "IntOrString": lambda rng: rng.choice((rng.randint(1, 2**31 - 1), _text(rng))),
    schema.META + "FieldsV1": _json,
    schema.META + "RawExtension": _json,
}
