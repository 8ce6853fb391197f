"""JSON documents with something changed somewhere, with or without regard to their schema."""

import json
from random import Random
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from knarr.api.schema import SPECIAL, fields, message_class
from tests.fuzz.mutation import sizes, texts
from tests.support.generate import value_of

_NUMBERS: Final = (
    0,
    1,
    -1,
    2,
    80,
    65535,
    65536,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
)
_OTHERS: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0.5,
    -0.0,
    1e21,
    1e308,
    float("inf"),
    float("nan"),
    10**400,
    [],
    {},
    [[]],
)
_HUGE: Final = 0.002  # share of changes that put a huge or deep value in

_Place = tuple[Any, Any]  # (container, key or index)


def hostile(rng: Random) -> Any:
    """A value of any type."""
    if rng.random() < _HUGE:
        return sizes.placeholder(rng)
    match rng.randrange(6):
        case 0:
            return rng.choice(_NUMBERS)
        case 1:
            return copied(rng.choice(_OTHERS))
        case 2:
            return [hostile(rng) for _ in range(rng.randrange(4))]
        case 3:
            return {texts.text(rng): hostile(rng) for _ in range(rng.randrange(3))}
    return texts.text(rng)


def mutated(value: Any, message: type[Message] | None, donor: Any, rng: Random) -> Any:
    """The document with one to four things changed (it is changed in place). `donor` lends values."""
    holder = {"": value}
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        places = _places(holder)
        place = rng.choice(places)
        if message is not None and rng.random() < 0.3:
            _fill(holder[""], message, rng)
        elif rng.random() < 0.15:
            lent = _places({"": donor})
            container, key = rng.choice(lent)
            _put(place, copied(container[key]))
        else:
            _change(place, rng)
    return holder[""]


def copied(value: Any) -> Any:
    """A deep copy of a JSON value; null for one that is too deep."""
    try:
        return json.loads(json.dumps(value))
    except (ValueError, RecursionError):
        return None


def to_text(value: Any) -> bytes:
    """The JSON text; what has no text (numbers too long to print) is written as null."""
    try:
        return json.dumps(value, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return b"null"


def _places(root: Any) -> list[_Place]:
    """Every value within, as where it stands; however deep."""
    found: list[_Place] = []
    pending = [root]
    while pending:
        value = pending.pop()
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            if isinstance(value[key], dict | list):
                pending.append(value[key])
    return found


def _put(place: _Place, value: Any) -> None:
    container, key = place
    container[key] = value


def _change(place: _Place, rng: Random) -> None:
    container, key = place
    value = container[key]
    match rng.randrange(10):
        case 0 if key != "" or len(container) > 1:
            del container[key]
        case 1 if isinstance(value, list) and value:
            at = rng.randrange(len(value))
            value.insert(rng.randrange(len(value) + 1), copied(value[at]))
        case 2 if isinstance(value, dict):
            value[texts.text(rng)] = hostile(rng)
        case 3 if isinstance(value, dict) and value:
            name = rng.choice(list(value))
            value[texts.mutated(name, rng)] = value.pop(name)
        case 4:
            container[key] = rng.choice(([value], {"a": value}, [value, value]))
        case 5 | 6 if isinstance(value, str):
            container[key] = texts.mutated(value, rng)
        case 5 | 6 if isinstance(value, int) and not isinstance(value, bool):
            container[key] = value + rng.choice((-1, 1, -value, 2**31, 2**63))
        case 7 if isinstance(value, str):
            container[key] = rng.choice(texts.WORDS)
        case 8 if isinstance(value, list) and len(value) > 1:
            rng.shuffle(value)
        case _:
            container[key] = hostile(rng)


def _fill(value: Any, message: type[Message], rng: Random) -> None:
    """Set a field that the schema has, somewhere, to a value of its type."""
    descriptor = cast(Descriptor, message.DESCRIPTOR)
    while isinstance(value, dict):
        known = fields(descriptor)
        below = [f for f in known if isinstance(value.get(f.key), dict | list) and _struct(f.message)]
        if below and rng.random() < 0.7:
            field = rng.choice(below)
            value, inner = value[field.key], field.message
            if isinstance(value, list):
                value = rng.choice(value) if value else None
            assert inner is not None  # as _struct says
            descriptor = inner
            continue
        made = value_of(message_class(descriptor), rng, full=False)
        if made:
            name = rng.choice(list(made))
            value[name] = made[name]
        return


def _struct(descriptor: Descriptor | None) -> bool:
    return descriptor is not None and descriptor.full_name not in SPECIAL
