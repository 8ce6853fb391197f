"""What `knarr wait --for=…` waits for, and whether an object has come to it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.cli.failure import USAGE, Failure
from knarr.cli.jsonpath import JsonPathError, find
from knarr.cli.jsonpath.templates import show

FORMS = "condition=NAME[=VALUE], jsonpath=PATH[=VALUE], delete, create"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is waited for. `met` gets the object, or None while there is none."""

    text: str
    met: Callable[[Message | None], bool]
    deletion: bool = False
    creation: bool = False


def parse_goal(text: str) -> Goal:
    """Raises Failure for what cannot be waited for."""
    name, equals, rest = text.partition("=")
    if name in ("delete", "create") and not equals:
        gone = name == "delete"
        return Goal(text, lambda obj: (obj is None) == gone, deletion=gone, creation=not gone)
    if name == "condition" and rest:
        condition, _, value = rest.partition("=")
        return Goal(text, lambda obj: obj is not None and _condition(obj, condition, value or "true"))
    if name == "jsonpath" and rest:
        return _path_goal(text, rest)
    raise Failure(f'--for "{text}": choose one of {FORMS}', USAGE)


def _path_goal(text: str, rest: str) -> Goal:
    path, value = _split(rest.strip("'\""))
    try:
        find(path, {})
    except JsonPathError as error:
        raise Failure(f"--for: {error}", USAGE) from error
    return Goal(text, lambda obj: obj is not None and _at(obj, path, value))


def _split(text: str) -> tuple[str, str | None]:
    """The path, without braces, and the value, if there is one: an equals sign within the path's brackets or
    braces is no end of it."""
    depth = 0
    for index, character in enumerate(text):
        depth += character in "[({"
        depth -= character in "])}"
        if character == "=" and depth == 0:
            return _bare(text[:index]), text[index + 1 :]
    return _bare(text), None


def _bare(path: str) -> str:
    return path.strip().removeprefix("{").removesuffix("}")


def _condition(obj: Message, name: str, value: str) -> bool:
    """As kubectl: names and values in any case; what was found of an older generation does not count."""
    fields = object_to_dict(obj)
    generation = fields.get("metadata", {}).get("generation", 0)
    status = fields.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type", "").lower() != name.lower():
            continue
        observed = condition.get("observedGeneration", status.get("observedGeneration", generation))
        return observed >= generation and str(condition.get("status", "")).lower() == value.lower()
    return False


def _at(obj: Message, path: str, value: str | None) -> bool:
    found: list[Any] = find(path, object_to_dict(obj))
    if value is None:
        return any(each not in (None, "", [], {}) for each in found)
    return [show(each) for each in found] == [value]
