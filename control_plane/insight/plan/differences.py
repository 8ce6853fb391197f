"""What of an object changes, field by field. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

HIDDEN = '"***"'
_SERVERS_OWN = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def changes(before: Message, after: Message) -> list[wire.FieldChange]:
    """The fields that differ, by path; what the server alone writes is left out, and of a secret its data are
    not shown."""
    hides = isinstance(after, core.Secret)
    return [
        wire.FieldChange(path=path, before=_text(old, hides), after=_text(new, hides))
        for path, old, new in _differing(_shown(before), _shown(after), "")
    ]


def _shown(obj: Message) -> dict[str, Any]:
    value = object_to_dict(obj)
    value.pop("status", None)
    for name in _SERVERS_OWN:
        value["metadata"].pop(name, None)
    return value


def _text(value: Any, hidden: bool) -> str:
    if value is None:
        return ""
    return HIDDEN if hidden else json.dumps(value, ensure_ascii=False)


def _differing(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _differing(before.get(key), after.get(key), _below(path, key))
    elif _is_named(before) and _is_named(after):
        old, new = ({row["name"]: row for row in rows} for rows in (before, after))
        for name in dict.fromkeys((*old, *new)):
            yield from _differing(old.get(name), new.get(name), f"{path}[{name}]")
    else:
        yield path, before, after


def _below(path: str, key: str) -> str:
    part = f'["{key}"]' if "." in key or "/" in key else key
    return part if not path else f"{path}{part}" if part.startswith("[") else f"{path}.{part}"


def _is_named(value: Any) -> bool:
    """A list whose rows have names that tell them apart."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return False
    names = [row.get("name") if isinstance(row, Mapping) else None for row in value]
    return None not in names and len(set(names)) == len(names)
