"""JSON values to messages: one plan of closures per message type, made from its schema when first needed.

A plan turns a dict into keyword arguments, checking every value, and protobuf builds the whole tree from them
in one call: that is several times faster than setting fields one by one. Problems are collected, not raised.
"""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from knarr.api import quantity, times
from knarr.api.errors import FormatError, Problem, QuantityError, show
from knarr.api.schema import META, Field, fields, has_type_meta
from knarr.api.suggest import nearest
from knarr.proto.kubernetes import meta_v1_pb2 as meta

Problems = list[Problem]
Convert = Callable[[Any, str, Problems], Any]  # (value, path, problems) -> argument, or None for absent

MAX_RAW_DEPTH: Final = 100  # of RawExtension and FieldsV1, the only places where a schema sets no depth
_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)


class _Nothing:
    """No value has this type."""


# One field as the loop in `decoder` needs it: the type of values that may be taken as they are, whether an
# explicit zero is kept, the name of the argument, the way through flattened structs, the converter.
_Step = tuple[type, bool, str, tuple[str, ...], Convert]


def mistyped(expected: str, value: Any, path: str, suggestion: str = "") -> Problem:
    kind = {bool: "the boolean ", str: "the string ", int: "the number ", float: "the number "}
    got = f"{kind.get(type(value), '')}{show(value)}"
    return Problem(path, value, f"expected {expected}, got {got}", suggestion)


@cache
def decoder(descriptor: Descriptor) -> Convert:
    """The converter of a message type: dict -> keyword arguments, {} for an empty one."""
    steps: dict[str, _Step] = {}
    ignored = {"apiVersion", "kind"} if has_type_meta(descriptor) else set()

    def decode(value: Any, path: str, problems: Problems) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if not isinstance(value, dict):
            problems.append(mistyped("an object", value, path))
            return arguments
        for key, item in value.items():
            step = steps.get(key)
            if step is None:
                if key not in ignored:
                    problems.append(_unknown(key, item, path, steps))
                continue
            if item is None:
                continue
            plain, keeps_zero, name, within, convert = step
            if type(item) is not plain:
                item = convert(item, f"{path}.{key}" if path else key, problems)
                if item is None:
                    continue
            elif not item and not keeps_zero:
                continue
            target = arguments
            for struct in within:
                target = target.setdefault(struct, {})
            target[name] = item
        return arguments

    # Filled after the closure exists, so that a type may contain itself.
    steps.update((field.key, _step(field)) for field in fields(descriptor))
    return decode


def _unknown(key: object, value: Any, path: str, known: dict[str, _Step]) -> Problem:
    shown = key if isinstance(key, str) else repr(key)
    near = nearest(shown, known)
    here = f"{path}.{shown}" if path else shown
    return Problem(here, value, "unknown field", f"did you mean {near}?" if near else "", unknown=True)


def _step(field: Field) -> _Step:
    if field.is_map:
        return (_Nothing, True, field.name, field.within, _map(_value(field.map_value), field.map_value))
    convert = _value(field.descriptor)
    if field.is_list:
        return (_Nothing, True, field.name, field.within, _list(convert, field.descriptor))
    plain: type = {FieldDescriptor.TYPE_STRING: str, FieldDescriptor.TYPE_BOOL: bool}.get(
        field.descriptor.type, _Nothing
    )
    if field.is_struct:
        convert = _struct(convert, field.message.full_name if field.message else "")
    elif plain is _Nothing and not field.keeps_zero:
        convert = _or_absent(convert)
    return (plain, field.keeps_zero, field.name, field.within, convert)


def _struct(convert: Convert, name: str) -> Convert:
    """Of a struct embedded by value, an empty or zero one is absent."""
    zero = _STRUCT_ZEROS.get(name)

    def decode(value: Any, path: str, problems: Problems) -> Any:
        converted = convert(value, path, problems)
        return converted if converted and converted != zero else None

    return decode


_STRUCT_ZEROS: Final[dict[str, Any]] = {
    META + "IntOrString": {"type": 0, "intVal": 0},
    META + "Quantity": meta.Quantity(string="0"),
}


def _or_absent(convert: Convert) -> Convert:
    """Of a number that is not optional, zero is absent."""
    return lambda value, path, problems: convert(value, path, problems) or None


def _list(convert: Convert, descriptor: FieldDescriptor) -> Convert:
    zero = _zero(descriptor)
    plain = str if descriptor.type == FieldDescriptor.TYPE_STRING else _Nothing

    def decode(value: Any, path: str, problems: Problems) -> list[Any] | None:
        if not isinstance(value, list):
            problems.append(mistyped("a list", value, path))
            return None
        items: list[Any] = []
        for index, item in enumerate(value):
            if type(item) is not plain:
                # Go reads null in a list as the zero value.
                item = zero if item is None else convert(item, f"{path}[{index}]", problems)
            items.append(zero if item is None else item)
        return items or None

    return decode


def _map(convert: Convert, descriptor: FieldDescriptor) -> Convert:
    zero = _zero(descriptor)
    plain = str if descriptor.type == FieldDescriptor.TYPE_STRING else _Nothing

    def decode(value: Any, path: str, problems: Problems) -> dict[str, Any] | None:
        if not isinstance(value, dict):
            problems.append(mistyped("an object", value, path))
            return None
        entries: dict[str, Any] = {}
        for key, item in value.items():
            if type(key) is not str:
                problems.append(Problem(path, key, f"keys are strings, got {show(key)}", "put it in quotes"))
                continue
            if type(item) is not plain:
                # Go reads null in a map as the zero value.
                item = zero if item is None else convert(item, f"{path}[{key}]", problems)
            entries[key] = zero if item is None else item
        return entries or None

    return decode


def _zero(descriptor: FieldDescriptor) -> Any:
    message = descriptor.message_type
    if message is None:
        return _SCALAR_ZEROS[descriptor.type]
    return _STRUCT_ZEROS.get(message.full_name, {})


def _value(descriptor: FieldDescriptor) -> Convert:
    """The converter of one value, be it a field, an element of a list or a value of a map."""
    message = descriptor.message_type
    if message is None:
        return _SCALARS[descriptor.type]
    special = _SPECIAL.get(message.full_name)
    return special if special is not None else decoder(message)


def _string(value: Any, path: str, problems: Problems) -> str | None:
    if isinstance(value, str):
        return value
    hint = "put it in quotes" if isinstance(value, bool | int | float) else ""
    problems.append(mistyped("a string", value, path, hint))
    return None


def _bool(value: Any, path: str, problems: Problems) -> bool | None:
    if isinstance(value, bool):
        return value
    hint = "remove the quotes" if value in ("true", "false") else "write true or false"
    problems.append(mistyped("a boolean", value, path, hint))
    return None


def _int(allowed: range, name: str) -> Convert:
    def decode(value: Any, path: str, problems: Problems) -> int | None:
        if type(value) is int:
            if value in allowed:
                return value
            reason = f"{show(value)} does not fit {name} ({allowed.start} to {allowed.stop - 1})"
            problems.append(Problem(path, value, reason))
            return None
        hint = ""
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            hint = "remove the quotes"
        problems.append(mistyped("a whole number", value, path, hint))
        return None

    return decode


def _bytes(value: Any, path: str, problems: Problems) -> bytes | None:
    if not isinstance(value, str):
        problems.append(mistyped("base64 text", value, path))
        return None
    try:
        # Line breaks inside are read by Kubernetes too.
        return b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (Base64Error, ValueError):
        problems.append(Problem(path, value, f"{show(value)} is not standard base64 with padding"))
        return None


def _time(value: Any, path: str, problems: Problems) -> dict[str, int] | None:
    return _moment(value, path, problems, None)


def _micro_time(value: Any, path: str, problems: Problems) -> dict[str, int] | None:
    return _moment(value, path, problems, 1000)


def _moment(value: Any, path: str, problems: Problems, unit: int | None) -> dict[str, int] | None:
    if not isinstance(value, str):
        problems.append(mistyped("a time such as 2026-01-31T08:00:00Z", value, path))
        return None
    try:
        seconds, nanos = times.parse_time(value)
    except FormatError as error:
        problems.append(Problem(path, value, str(error)))
        return None
    nanos = nanos // unit * unit if unit else 0
    return {"seconds": seconds, "nanos": nanos} if seconds or nanos else None


def _duration(value: Any, path: str, problems: Problems) -> dict[str, int] | None:
    if not isinstance(value, str):
        problems.append(mistyped("a duration such as 1m30s", value, path))
        return None
    try:
        return {"duration": times.parse_duration(value)}
    except FormatError as error:
        problems.append(Problem(path, value, str(error)))
        return None


@cache
def _quantity_message(text: str) -> meta.Quantity:
    return meta.Quantity(string=text)


def _quantity(value: Any, path: str, problems: Problems) -> meta.Quantity | None:
    """Quantities come as strings or numbers. The message is shared: protobuf copies it into its place."""
    text = value if isinstance(value, str) else _number_text(value)
    if text is None:
        problems.append(mistyped("a quantity such as 500m or 1Gi", value, path))
        return None
    try:
        return _quantity_message(quantity.canonical(text))
    except QuantityError as error:
        problems.append(Problem(path, value, str(error)))
        return None


def _number_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else show(value)


def _int_or_string(value: Any, path: str, problems: Problems) -> dict[str, Any] | None:
    if isinstance(value, str):
        return {"type": 1, "strVal": value}
    if type(value) is int and value in _INT32:
        return {"type": 0, "intVal": value}
    problems.append(mistyped("a 32-bit whole number or a string", value, path))
    return None


def _raw(name: str) -> Convert:
    def decode(value: Any, path: str, problems: Problems) -> dict[str, bytes] | None:
        if not isinstance(value, dict):
            problems.append(mistyped("an object", value, path))
            return None
        if depth_left(value, MAX_RAW_DEPTH) < 0:
            problems.append(Problem(path, value, f"is nested deeper than {MAX_RAW_DEPTH} levels"))
            return None
        try:
            text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
            return {name: text.encode()}
        except (TypeError, ValueError) as error:
            problems.append(Problem(path, value, f"cannot be written as JSON: {error}"))
            return None

    return decode


def depth_left(value: Any, left: int) -> int:
    """What is left of `left` levels at the deepest place; negative when it is too deep."""
    if left < 0 or not isinstance(value, dict | list):
        return left
    inner = value.values() if isinstance(value, dict) else value
    return min((depth_left(item, left - 1) for item in inner), default=left - 1)


_SCALARS: Final[dict[int, Convert]] = {
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_INT32: _int(_INT32, "32 bits"),
    FieldDescriptor.TYPE_INT64: _int(_INT64, "64 bits"),
    FieldDescriptor.TYPE_BYTES: _bytes,
}
_SCALAR_ZEROS: Final[dict[int, Any]] = {
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BOOL: False,
    FieldDescriptor.TYPE_INT32: 0,
    FieldDescriptor.TYPE_INT64: 0,
    FieldDescriptor.TYPE_BYTES: b"",
}
_SPECIAL: Final[dict[str, Convert]] = {
    META + "Time": _time,
    META + "MicroTime": _micro_time,
    META + "Duration": _duration,
    META + "Quantity": _quantity,
    META + "IntOrString": _int_or_string,
    META + "FieldsV1": _raw("Raw"),
    META + "RawExtension": _raw("raw"),
}
