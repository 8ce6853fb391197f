"""What Kubernetes says of a bad value: reasons and sentences. Nothing here decides whether one is bad.

Source: k8s.io/apimachinery, pkg/util/validation/field/errors.go.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import Message

from knarr.api.codec import to_dict
from knarr.api.schema import SPECIAL
from knarr.api.times import format_time
from knarr.errors import Cause
from knarr.proto.kubernetes import meta_v1_pb2 as meta

REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
DUPLICATE: Final = "FieldValueDuplicate"
FORBIDDEN: Final = "FieldValueForbidden"
TOO_LONG: Final = "FieldValueTooLong"
TOO_MANY: Final = "FieldValueTooMany"
NOT_FOUND: Final = "FieldValueNotFound"

IMMUTABLE: Final = "field is immutable"


def shown(value: Any) -> str:
    """A value as messages print it: strings in quotes, objects as JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            return str(value)
        case meta.IntOrString():
            return json.dumps(value.strVal) if value.type else str(value.intVal)
        case meta.Quantity():
            return json.dumps(value.string or "0")
        case meta.Time():
            return format_time(value.seconds)
        case Message() if value.DESCRIPTOR.full_name not in SPECIAL:
            return json.dumps(to_dict(value), separators=(",", ":"), ensure_ascii=False)
        case dict() | list() | tuple():
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return str(value)


def required(path: str, why: str = "") -> Cause:
    return Cause(path, REQUIRED, f"Required value: {why}" if why else "Required value")


def invalid(path: str, value: Any, why: str) -> Cause:
    return Cause(path, INVALID, f"Invalid value: {shown(value)}: {why}")


def unsupported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    known = ", ".join(f'"{text}"' for text in supported)
    return Cause(path, NOT_SUPPORTED, f"Unsupported value: {shown(value)}: supported values: {known}")


def duplicate(path: str, value: Any) -> Cause:
    return Cause(path, DUPLICATE, f"Duplicate value: {shown(value)}")


def forbidden(path: str, why: str) -> Cause:
    return Cause(path, FORBIDDEN, f"Forbidden: {why}")


def not_found(path: str, value: Any) -> Cause:
    return Cause(path, NOT_FOUND, f"Not found: {shown(value)}")


def too_long(path: str, limit: int) -> Cause:
    return Cause(path, TOO_LONG, f"Too long: may not be more than {limit} bytes")


def too_many(path: str, count: int, limit: int) -> Cause:
    return Cause(path, TOO_MANY, f"Too many: {count}: must have at most {limit} items")
