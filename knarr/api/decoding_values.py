"""Single JSON values to arguments of protobuf messages: scalars, and messages that JSON writes as scalars.

Each converter takes (value, path, problems) and returns the argument, or None for absent and after a problem.
"""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from knarr.api import quantity, times
from knarr.api.errors import FormatError, Problem, QuantityError, show
from knarr.api.schema import META
from knarr.proto.kubernetes import meta_v1_pb2 as meta

Problems = list[Problem]
Convert = Callable[[Any, str, Problems], Any]

MAX_RAW_DEPTH: Final = 100  # of RawExtension and FieldsV1, the only places where a schema sets no depth
_INT32: Final = range(-(2**31), 2**31)
_INT64: Final = range(-(2**63), 2**63)


def mistyped(expected: str, value: Any, path: str, suggestion: str = "") -> Problem:
    kind = {bool: "the boolean ", str: "the string ", int: "the number ", float: "the number "}
    got = f"{kind.get(type(value), '')}{show(value)}"
    return Problem(path, value, f"expected {expected}, got {got}", suggestion)


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


@lru_cache(maxsize=16_384)
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


SCALARS: Final[dict[int, Convert]] = {
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_INT32: _int(_INT32, "32 bits"),
    FieldDescriptor.TYPE_INT64: _int(_INT64, "64 bits"),
    FieldDescriptor.TYPE_BYTES: _bytes,
}
SCALAR_ZEROS: Final[dict[int, Any]] = {
    FieldDescriptor.TYPE_STRING: "",
    FieldDescriptor.TYPE_BOOL: False,
    FieldDescriptor.TYPE_INT32: 0,
    FieldDescriptor.TYPE_INT64: 0,
    FieldDescriptor.TYPE_BYTES: b"",
}
SPECIAL_VALUES: Final[dict[str, Convert]] = {
    META + "Time": _time,
    META + "MicroTime": _micro_time,
    META + "Duration": _duration,
    META + "Quantity": _quantity,
    META + "IntOrString": _int_or_string,
    META + "FieldsV1": _raw("Raw"),
    META + "RawExtension": _raw("raw"),
}
