"""The fields of a message that are set, as the document that applies them. Pure.

JSON writes some fields of an object always, empty or not. Who applies such an object would own all of them
and empty what others have put there. So only what was set counts: a message by its presence, even an empty
one, a list, a map, a text or a number when it is not empty or zero, and whatever is optional when it was
given."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.api.schema import SPECIAL, Field, fields


def set_fields(obj: Message) -> dict[str, Any]:
    """The JSON object of an object with the fields that are set and no others."""
    document = object_to_dict(obj)
    _prune(obj, document)
    return document


def _prune(message: Message, document: dict[str, Any]) -> None:
    for field in fields(message.DESCRIPTOR):
        if field.key not in document:
            continue
        owner = message
        for name in field.within:
            owner = getattr(owner, name)
        if all(there is not field.descriptor for there, _ in owner.ListFields()):
            del document[field.key]
            continue
        for child, value in _children(field, getattr(owner, field.name), document[field.key]):
            _prune(child, value)


def _children(field: Field, found: Any, value: Any) -> Iterable[tuple[Message, dict[str, Any]]]:
    """The messages that a field holds, each with its document."""
    if field.is_map:
        kind = field.map_value.message_type
        pairs = [(found[key], value[key]) for key in value]
    else:
        kind = field.message
        pairs = list(zip(found, value, strict=True)) if field.is_list else [(found, value)]
    return pairs if kind is not None and kind.full_name not in SPECIAL else ()
