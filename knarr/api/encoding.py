"""Messages to JSON values: one plan of closures per message type, by Kubernetes' omission rules.

Zero and empty values are left out, except fields that Kubernetes always writes: a struct as {}, a list, map
or pointer as null (as servers print `rules: null`), the items of a list object as []. Keys stand in the order
of the schema, map keys are sorted; fields written only because they always are stand at the end.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from knarr.api import times
from knarr.api.schema import META, Field, fields, message_class

Encode = Callable[[Any], Any]  # a field's value -> JSON, None for absent

# StatefulSets carry whole claims; Kubernetes writes their apiVersion and kind, which no wire form has.
_TYPED_ELEMENTS: Final = {
    "knarr.apps.v1.StatefulSetSpec.volumeClaimTemplates": {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
    }
}


@cache
def encoder(descriptor: Descriptor) -> Callable[[Message], dict[str, Any]]:
    """The function that writes messages of a type."""
    steps: dict[FieldDescriptor, tuple[str, Encode | None]] = {}
    always: list[tuple[str, Callable[[], Any]]] = []

    def encode(message: Message) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for field, value in message.ListFields():
            name, convert = steps[field]
            if convert is None:
                out[name] = value
            elif name:
                value = convert(value)
                if value is not None:
                    out[name] = value
            else:  # a flattened struct
                out.update(convert(value))
        for name, absent in always:
            if name not in out:
                out[name] = absent()
        return out

    for field in fields(descriptor):
        if not field.within:
            steps[field.descriptor] = (field.key, _converter(field))
        if field.always:
            always.append((field.key, _when_absent(field)))
    for struct in descriptor.fields:
        if struct not in steps:
            steps[struct] = ("", encoder(struct.message_type))
    return encode


def _when_absent(field: Field) -> Callable[[], Any]:
    kind = field.message
    if field.always_list:
        return list
    if field.is_list or field.is_map or (field.keeps_zero and not field.is_struct):
        return lambda: None
    if kind is None:
        zero = field.descriptor.default_value
        return lambda: zero or None if isinstance(zero, bytes) else zero
    convert, empty = _message(kind), message_class(kind)()
    return lambda: convert(empty)


def _converter(field: Field) -> Encode | None:
    if field.is_map:
        return _map(field.map_value)
    if not field.is_list:
        return _value(field.descriptor)
    convert = _value(field.descriptor)
    if convert is None:
        return list
    extra = _TYPED_ELEMENTS.get(field.descriptor.full_name)
    if extra is not None:
        return lambda values: [{**extra, **convert(value)} for value in values]
    return lambda values: [convert(value) for value in values]


def _map(value: FieldDescriptor) -> Encode:
    convert = _value(value)
    if convert is None:
        return lambda entries: dict(sorted(entries.items()))
    return lambda entries: {key: convert(item) for key, item in sorted(entries.items(), key=_first)}


def _first(entry: tuple[str, Any]) -> str:
    return entry[0]


def _value(descriptor: FieldDescriptor) -> Encode | None:
    """How one value is written; None when it is JSON already."""
    if descriptor.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: b64encode(value).decode("ascii")
    return _message(descriptor.message_type) if descriptor.message_type is not None else None


def _message(descriptor: Descriptor) -> Encode:
    return _SPECIAL.get(descriptor.full_name) or encoder(descriptor)


def _time(value: Any) -> str | None:
    seconds = value.seconds
    return times.format_time(seconds) if seconds or value.nanos else None


def _micro_time(value: Any) -> str | None:
    seconds, nanos = value.seconds, value.nanos
    return times.format_micro_time(seconds, nanos) if seconds or nanos else None


def _int_or_string(value: Any) -> int | str:
    text: str = value.strVal
    number: int = value.intVal
    return text if value.type == 1 else number


def _raw(name: str) -> Encode:
    def encode(value: Any) -> Any:
        raw = getattr(value, name)
        return json.loads(raw) if raw else None

    return encode


_SPECIAL: Final[dict[str, Encode]] = {
    META + "Time": _time,
    META + "MicroTime": _micro_time,
    META + "Duration": lambda value: times.format_duration(value.duration),
    META + "Quantity": lambda value: value.string or "0",
    META + "IntOrString": _int_or_string,
    META + "FieldsV1": _raw("Raw"),
    META + "RawExtension": _raw("raw"),
}
