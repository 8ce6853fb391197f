"""YAML and JSON values <-> messages, by Kubernetes' rules. The only place where the two forms meet.

Strict: every unknown or mistyped path of a document is reported in one DecodeError, with the nearest known
name. Defaults and validation are not this module's business: it knows types, no meanings.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from knarr.api import conversion, kinds, suggest
from knarr.api.decoding import decoder
from knarr.api.encoding import encoder
from knarr.api.errors import DecodeError, Problem, show
from knarr.api.json_text import parse_json
from knarr.api.schema import api_version

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)

__all__ = [
    "DecodeError",
    "Decoded",
    "Problem",
    "decode",
    "decode_object",
    "from_dict",
    "from_json",
    "kind_of_dict",
    "object_from_dict",
    "object_to_dict",
    "to_dict",
    "to_json",
]


@dataclass(frozen=True, slots=True)
class Decoded(Generic[M_co]):
    """A message, and the fields of the document that it has no place for."""

    message: M_co
    unknown: tuple[Problem, ...] = ()

    def strict(self) -> M_co:
        """The message; raises DecodeError when the document has unknown fields."""
        if self.unknown:
            raise DecodeError(self.unknown)
        return self.message


def decode(value: Mapping[str, Any], message: type[M], path: str = "") -> Decoded[M]:
    """The message that a JSON object says. `path` is put before all paths of problems.

    Raises DecodeError with all problems, unknown fields among them, when a value does not fit its field.
    """
    problems: list[Problem] = []
    arguments = decoder(message.DESCRIPTOR)(
        value if isinstance(value, dict) or not isinstance(value, Mapping) else dict(value), path, problems
    )
    if problems and not all(problem.unknown for problem in problems):
        raise DecodeError(problems)
    try:
        return Decoded(message(**arguments), tuple(problems))
    except ValueError as error:
        # Only text that UTF-8 cannot hold passes the converters and is refused by protobuf.
        found = list(_lone_surrogates(value, path))
        raise DecodeError([*problems, *(found or [Problem(path, None, str(error))])]) from error


def _lone_surrogates(value: Any, path: str) -> list[Problem]:
    found: list[Problem] = []
    pending: list[tuple[Any, str]] = [(value, path)]
    while pending:
        item, here = pending.pop()
        if isinstance(item, str):
            if any("\ud800" <= char <= "\udfff" for char in item):
                found.append(Problem(here, item, "is not valid Unicode text (a lone surrogate)"))
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                pending.append((key, f"{here}[{show(key)}]"))
                pending.append((inner, f"{here}.{key}" if here else str(key)))
        elif isinstance(item, list):
            pending.extend((inner, f"{here}[{index}]") for index, inner in enumerate(item))
    return found


def from_dict(value: Mapping[str, Any], message: type[M], path: str = "") -> M:
    """As `decode`, and unknown fields raise DecodeError too."""
    return decode(value, message, path).strict()


def kind_of_dict(value: Any) -> kinds.Kind:
    """The served kind that a document names; raises DecodeError, with a suggestion where there is one."""
    if not isinstance(value, Mapping):
        raise DecodeError([Problem("", value, f"expected an object, got {show(value)}")])
    named: list[str] = []
    problems: list[Problem] = []
    for key in ("apiVersion", "kind"):
        text = value.get(key)
        if isinstance(text, str) and text:
            named.append(text)
        else:
            reason = "is missing" if text in (None, "") else f"expected a string, got {show(text)}"
            problems.append(Problem(key, text, reason))
    if problems:
        raise DecodeError(problems)
    kind = kinds.find(*named)
    if kind is None:
        raise DecodeError([_unknown_kind(*named)])
    return kind


def _unknown_kind(version: str, name: str) -> Problem:
    versions = sorted({kind.api_version for kind in kinds.KINDS if kind.name == name})
    if versions:
        return Problem(
            "apiVersion", version, f"{name} is not in {show(version)}", f"write {' or '.join(versions)}"
        )
    near = suggest.nearest(name, [kind.name for kind in kinds.KINDS])
    hint = f"did you mean {near}?" if near else ""
    return Problem("kind", name, f"{show(name)} in {show(version)} is no kind that Knarr serves", hint)


def object_from_dict(value: Mapping[str, Any]) -> Decoded[Message]:
    """The object of the kind that the document names. Raises DecodeError."""
    return decode_object(dict(value), kind_of_dict(value).message)[0]


def decode_object(value: dict[str, Any], message: type[M]) -> tuple[Decoded[M], dict[str, Any]]:
    """The object that a document says in any version of its kind, and the document in the served version.

    Raises DecodeError, with the names that stand in the document.
    """
    version = conversion.other_version(value)
    if version is None or version.kind.message is not message:
        return decode(value, message), value
    unknown = decode(value, version.message).unknown
    current = version.convert(value)
    return Decoded(decode(current, message).message, unknown), current


def to_dict(message: Message) -> dict[str, Any]:
    """The JSON object of a message, without apiVersion and kind."""
    return encoder(message.DESCRIPTOR)(message)


def object_to_dict(message: Message) -> dict[str, Any]:
    """The JSON object of an object (or a list of objects), apiVersion and kind first."""
    descriptor = message.DESCRIPTOR
    return {
        "apiVersion": api_version(descriptor),
        "kind": descriptor.name,
        **encoder(descriptor)(message),
    }


def to_json(message: Message) -> bytes:
    """UTF-8 JSON of an object with apiVersion and kind, without spaces or a line end."""
    return json.dumps(object_to_dict(message), separators=(",", ":"), ensure_ascii=False).encode()


def from_json(data: bytes, message: type[M]) -> Decoded[M]:
    """The message of a JSON text. Raises DecodeError; a field given twice counts as unknown."""
    value, problems = parse_json(data)
    decoded = decode(value, message)
    return Decoded(decoded.message, (*problems, *decoded.unknown)) if problems else decoded
