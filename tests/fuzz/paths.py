"""Whether the path of a cause names something: a field of the kind, or a key of the document."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from knarr.api.schema import SPECIAL, Field, fields
from knarr.errors import sayable

# Paths that Kubernetes itself reports though there is no such field.
_KUBERNETES_OWN = re.compile(
    r"spec\.resources(\[|\.requests\.)storage\]?"
    r"|spec\.persistentvolumesource|volumeMode"
    r"|(.*\.)?spec\.securityContext\.shareProcessNamespace"
    r"|.*\.topologySpreadConstraints\[\d+\]\.\{topologyKey, whenUnsatisfiable\}"
    r"|.*DuringExecution\[\d+\](\.podAffinityTerm)?\.namespace"
    r"|.*\.downwardAPI\.(path|mode|fieldRef|resourceFieldRef)(\..*)?"
    r"|(.*[tT]emplate)\.(labels|annotations)(\[.*\])?"
)
_STEP = re.compile(r"\[([^\]]*)\]|\.?([^.\[]+)")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a path has led to: a field, the message within it; `free` where the schema says nothing more."""

    descriptor: Descriptor | None
    field: Field | None = None
    free: bool = False


_LOOKED_THROUGH = 200  # keys; in larger maps a key is taken to have neither dots nor brackets
_FREE = _Place(None, None, True)
_ABSENT = object()


def untrue_path(message: type[Message], path: str, value: object = None) -> str | None:
    """The first part of a path that names nothing, or None for a true path.

    `value` is the document, in which a path may also name keys that no schema has.
    """
    if _KUBERNETES_OWN.fullmatch(path):
        return None
    place: _Place | None = _Place(cast(Descriptor, message.DESCRIPTOR))
    here: Any = value
    rest = path
    while rest and place is not None and not place.free:
        name, here, length = _step(here, rest)
        place = _next(place, name, bracket=rest[0] == "[") or (None if here is _ABSENT else _FREE)
        if place is None:
            last = length == len(rest) and name in _names(cast(Descriptor, message.DESCRIPTOR))
            return None if last else rest
        rest = rest[length:]
    return None


@cache
def _names(kind: Descriptor) -> frozenset[str]:
    """All fields of a kind, at any depth: Kubernetes reports some a level too high (projected.path)."""
    found: set[str] = set()
    pending, seen = [kind], set[str]()
    while pending:
        descriptor = pending.pop()
        if descriptor.full_name in seen:
            continue
        seen.add(descriptor.full_name)
        for field in fields(descriptor):
            found.add(field.key)
            below = field.map_value.message_type if field.is_map else field.message
            if below is not None and below.full_name not in SPECIAL:
                pending.append(below)
    return frozenset(found)


def _step(value: Any, rest: str) -> tuple[str, Any, int]:
    """(name, the value there, length of the step): keys of the document may hold dots and brackets."""
    if isinstance(value, dict) and len(value) <= _LOOKED_THROUGH:
        for before, after in ((".", ""), ("[", "]"), ("", "")):
            keys = [key for key in value if _is_at(rest, f"{before}{sayable(str(key))}{after}")]
            if rest.startswith(before) and keys:
                key = max(keys, key=lambda key: len(str(key)))
                return str(key), value[key], len(f"{before}{sayable(str(key))}{after}")
    found = _STEP.match(rest)
    if found is None:
        return rest, _ABSENT, len(rest)
    name = found[1] if found[1] is not None else found[2]
    if isinstance(value, dict) and name in value:
        return name, value[name], found.end()
    if isinstance(value, list) and name.isdecimal() and len(name) < 10 and int(name) < len(value):
        return name, value[int(name)], found.end()
    return name, _ABSENT, found.end()


def _is_at(rest: str, key: str) -> bool:
    return rest.startswith(key) and rest[len(key) : len(key) + 1] in ("", ".", "[")


def _next(place: _Place, name: str, *, bracket: bool) -> _Place | None:
    """What a step leads to; None when the schema has no such step."""
    field = place.field
    if bracket:
        if field is None or not (field.is_list or field.is_map):
            return None
        return _FREE if place.descriptor is None else _Place(place.descriptor)
    known = () if place.descriptor is None else fields(place.descriptor)
    found = next((each for each in known if each.key == name), None)
    if found is None:
        return None
    below = found.map_value.message_type if found.is_map else found.message
    if below is not None and below.full_name in SPECIAL:
        return _Place(None, found, free=not (found.is_map or found.is_list))
    return _Place(below, found)
