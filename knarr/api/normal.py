"""One form for messages that mean the same, whoever wrote them.

Kubernetes' clients put zeros and empty messages on the wire that mean absent, and quantities as people wrote
them. What comes from JSON never has them; what comes as protobuf is brought to the same form here, and
checked for what the wire type alone cannot exclude.
"""

import json
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from knarr.api import quantity, times
from knarr.api.decoding import MAX_UNKNOWN
from knarr.api.decoding_values import MAX_RAW_DEPTH, depth_left
from knarr.api.errors import DecodeError, Problem, QuantityError, show
from knarr.api.recent import REPEATED, Recent
from knarr.api.schema import META, SPECIAL, Field, fields
from knarr.proto.kubernetes import meta_v1_pb2 as meta

_ZERO_QUANTITY = meta.Quantity(string="0")
_REMEMBERED = 8_192  # messages of each repeated type: about 1 MiB
_Check = Callable[[Any, str], Problem | None]  # (message, path); may rewrite the message
_Problems = list[Problem]
_Step = Callable[[Any, str, _Problems], None]


def normalise(message: Message) -> tuple[Problem, ...]:
    """Brings a message to the form that JSON decodes to, in place; returns the fields it has no place for.

    Raises DecodeError for values that no JSON could have given: no quantity, no JSON in raw fields, times
    outside of the calendar.
    """
    problems: _Problems = []
    _normaliser(message.DESCRIPTOR)(message, "", problems)
    if problems:
        raise DecodeError(problems)
    size = message.ByteSize()
    bare = type(message)()
    bare.CopyFrom(message)
    bare.DiscardUnknownFields()
    if bare.ByteSize() == size:
        return ()
    unknown: _Problems = []
    _find_unknown(message, "", unknown)
    return tuple(unknown)


@cache
def _normaliser(descriptor: Descriptor) -> _Step:
    steps: dict[FieldDescriptor, tuple[str, bool, _Step | None]] = {}

    def run(message: Message, path: str, problems: _Problems) -> None:
        for descriptor, value in message.ListFields():
            key, droppable, inner = steps[descriptor]
            if inner is None:
                continue
            # A flattened struct has no key of its own: its fields stand in the same object.
            inner(value, f"{path}.{key}" if path and key else path or key, problems)
            if droppable and _is_empty(value):
                message.ClearField(descriptor.name)

    own = {field.descriptor: field for field in fields(descriptor) if not field.within}
    for field in descriptor.fields:
        known = own.get(field)
        if known is not None:
            steps[field] = (known.key, _droppable(known), _step(known))
        else:
            steps[field] = ("", True, _one(field))
    return _remembering(run) if descriptor.full_name in REPEATED else run


def _remembering(run: _Step) -> _Step:
    """The same, but for messages that it left as they were, without a problem, lately."""
    normal = Recent[bool](_REMEMBERED)

    def run_unless_normal(message: Message, path: str, problems: _Problems) -> None:
        key = normal.key(message)
        if normal.get(key):
            return
        before, value = len(problems), message.SerializeToString() if key else b""
        run(message, path, problems)
        if key and len(problems) == before and message.SerializeToString() == value:
            normal.put(key, True)

    return run_unless_normal


def _droppable(field: Field) -> bool:
    """Whether an empty message of the field is the same as none: structs and times (zero is no time)."""
    kind = field.message
    return field.is_struct or (
        kind is not None and not field.is_list and kind.full_name in (META + "Time", META + "MicroTime")
    )


def _is_empty(value: Message) -> bool:
    return value.ByteSize() == 0 or value == _ZERO_QUANTITY


def _step(field: Field) -> _Step | None:
    if field.is_map:
        one = _one(field.map_value)
        return None if one is None else partial(_each_entry, one)
    one = _one(field.descriptor)
    return one if one is None or not field.is_list else partial(_each_item, one)


def _each_entry(one: _Step, entries: Any, path: str, problems: _Problems) -> None:
    for key, value in entries.items():
        one(value, f"{path}[{key}]", problems)


def _each_item(one: _Step, items: Any, path: str, problems: _Problems) -> None:
    for index, value in enumerate(items):
        one(value, f"{path}[{index}]", problems)


def _one(descriptor: FieldDescriptor) -> _Step | None:
    kind = descriptor.message_type
    if kind is None:
        return None
    if kind.full_name not in SPECIAL:
        # Made at the first use, as types contain each other.
        return lambda value, path, problems: _normaliser(kind)(value, path, problems)
    check = _CHECKS.get(kind.full_name)
    return None if check is None else lambda value, path, problems: _report(check(value, path), problems)


def _report(problem: Problem | None, problems: _Problems) -> None:
    if problem is not None:
        problems.append(problem)


def _check_quantity(value: Any, path: str) -> Problem | None:
    try:
        value.string = quantity.canonical(value.string or "0")
    except QuantityError as error:
        return Problem(path, value.string, str(error))
    return None


def _check_time(value: Any, path: str) -> Problem | None:
    seconds = value.seconds
    if not times.MIN_SECONDS <= seconds <= times.MAX_SECONDS or not 0 <= value.nanos < 10**9:
        return Problem(path, seconds, f"{show(seconds)} s after 1970 is outside of the years 1 to 9999")
    value.nanos = 0
    return None


def _check_micro_time(value: Any, path: str) -> Problem | None:
    nanos = value.nanos
    problem = _check_time(value, path)
    if problem is None:
        value.nanos = nanos // 1000 * 1000
    return problem


def _check_int_or_string(value: Any, path: str) -> Problem | None:
    if value.type == 0:
        value.strVal = ""
    elif value.type == 1:
        value.intVal = 0
    else:
        return Problem(path, value.type, f"type {show(value.type)} is neither 0, a number, nor 1, a string")
    return None


def _check_raw(name: str) -> _Check:
    def check(value: Any, path: str) -> Problem | None:
        raw = getattr(value, name)
        if not raw:
            return None
        try:
            inner = json.loads(raw.decode())
        except (ValueError, RecursionError) as error:
            return Problem(path, None, f"is not JSON: {error}")
        if not isinstance(inner, dict):
            return Problem(path, inner, f"expected an object, got {show(inner)}")
        too_deep = depth_left(inner, MAX_RAW_DEPTH) < 0
        return Problem(path, None, f"is nested deeper than {MAX_RAW_DEPTH} levels") if too_deep else None

    return check


_CHECKS: dict[str, _Check] = {
    META + "Quantity": _check_quantity,
    META + "Time": _check_time,
    META + "MicroTime": _check_micro_time,
    META + "IntOrString": _check_int_or_string,
    META + "FieldsV1": _check_raw("Raw"),
    META + "RawExtension": _check_raw("raw"),
}


def _find_unknown(message: Message, path: str, found: _Problems) -> None:
    unknown = UnknownFieldSet(message)
    for index in range(min(len(unknown), MAX_UNKNOWN - len(found))):
        reason = f"has the unknown field number {unknown[index].field_number}"
        found.append(Problem(path or message.DESCRIPTOR.name, None, reason, unknown=True))
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        here = f"{path}.{descriptor.json_name}" if path else descriptor.json_name
        if descriptor.message_type.GetOptions().map_entry:
            if descriptor.message_type.fields_by_name["value"].message_type is not None:
                for key, item in value.items():
                    _find_unknown(item, f"{here}[{key}]", found)
        elif descriptor.is_repeated:
            for index, item in enumerate(value):
                _find_unknown(item, f"{here}[{index}]", found)
        else:
            _find_unknown(value, here, found)
