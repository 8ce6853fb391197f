"""JSON patch, RFC 6902, with the limits and the answers that Kubernetes' API server has. Pure, no schema.

Kubernetes' library departs from the RFC in places that clients rely on: a list index may count from the end
(-1 is the last element), and a missing member of an existing object counts as null for `replace`, `copy`
and `test`, as does a missing `value`. Only `remove` and `move` need the member to be there.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from control_plane.api.patching.documents import copy, equal, require_depth, require_object, type_name
from knarr.errors import BadRequest, Invalid, TooLarge

MAX_OPERATIONS: Final = 10_000
MAX_COPIED_BYTES: Final = 3 * 1024 * 1024  # of all `copy` operations of one patch, as JSON text

_REFUSED: Final = "the server rejected our request due to an error in our request"
_INDEX: Final = re.compile(r"[-+]?[0-9]{1,10}", re.ASCII)


class _Failed(Exception):
    """An operation cannot be carried out; the text says why, without its place in the patch."""


def json_patch(original: Mapping[str, Any], operations: Any) -> dict[str, Any]:
    """The patched document; neither argument is changed.

    Raises BadRequest for what is no list of operations, Invalid for an operation that cannot be carried out
    (a missing path, a failed test), TooLarge beyond MAX_OPERATIONS or MAX_COPIED_BYTES.
    """
    if not isinstance(operations, Sequence) or isinstance(operations, str | bytes):
        raise BadRequest(f"a JSON patch must be a list of operations, got {type_name(operations)}")
    if len(operations) > MAX_OPERATIONS:
        raise TooLarge(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
    require_depth(list(operations), "the patch")
    patched = _Patched(copy(require_object(original, "the object")))
    for number, operation in enumerate(operations):
        if not isinstance(operation, dict):
            raise BadRequest(f"operation {number} of the JSON patch must be an object")
        try:
            patched.carry_out(operation)
        except _Failed as error:
            raise Invalid(f"{_REFUSED}: operation {number}: {error}") from error
    if not isinstance(patched.root, dict):
        raise Invalid(f"{_REFUSED}: the result is {type_name(patched.root)}, not an object")
    require_depth(patched.root, "the patched object")
    return patched.root


class _Patched:
    """A document while it is being patched."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._copied_bytes = 0

    def carry_out(self, operation: dict[str, Any]) -> None:
        name = operation.get("op")
        act = _OPERATIONS.get(name) if isinstance(name, str) else None
        if act is None:
            raise _Failed(f"unknown op {json.dumps(name)}")
        act(self, operation)

    def add(self, operation: dict[str, Any]) -> None:
        self._insert(_pointer(operation, "path"), copy(operation.get("value")))

    def remove(self, operation: dict[str, Any]) -> None:
        self._take(_pointer(operation, "path"))

    def replace(self, operation: dict[str, Any]) -> None:
        path, value = _pointer(operation, "path"), copy(operation.get("value"))
        if not path:
            self.root = value
            return
        parent, last = self._parent(path)
        parent[_index(parent, last) if isinstance(parent, list) else last] = value

    def move(self, operation: dict[str, Any]) -> None:
        source, path = _pointer(operation, "from"), _pointer(operation, "path")
        if len(path) > len(source) and path[: len(source)] == source:
            raise _Failed(f"{_show(source)} cannot be moved into itself")
        value = self._get(source)
        if source != path:
            self._take(source)
            self._insert(path, value)

    def duplicate(self, operation: dict[str, Any]) -> None:
        value = copy(self._get_or_null(_pointer(operation, "from")))
        require_depth(value, "the patched object")
        self._copied_bytes += len(json.dumps(value, separators=(",", ":")))
        if self._copied_bytes > MAX_COPIED_BYTES:
            raise TooLarge(f"the copy operations of the JSON patch copy more than {MAX_COPIED_BYTES} bytes")
        self._insert(_pointer(operation, "path"), value)

    def test(self, operation: dict[str, Any]) -> None:
        path = _pointer(operation, "path")
        if not equal(self._get_or_null(path), operation.get("value")):
            raise _Failed(f"testing value {_show(path)} failed")

    def _get(self, path: list[str]) -> Any:
        value = self.root
        for depth, part in enumerate(path):
            if isinstance(value, dict):
                if part not in value:
                    raise _Failed(f"{_show(path[: depth + 1])} does not exist")
                value = value[part]
            elif isinstance(value, list):
                value = value[_index(value, part)]
            else:
                raise _Failed(f"{_show(path[:depth])} is {type_name(value)}, nothing is inside of it")
        return value

    def _get_or_null(self, path: list[str]) -> Any:
        if path:
            parent, last = self._parent(path)
            if isinstance(parent, dict):
                return parent.get(last)
        return self._get(path)

    def _parent(self, path: list[str]) -> tuple[Any, str]:
        parent = self._get(path[:-1])
        if not isinstance(parent, dict | list):
            raise _Failed(f"{_show(path[:-1])} is {type_name(parent)}, nothing is inside of it")
        return parent, path[-1]

    def _insert(self, path: list[str], value: Any) -> None:
        if not path:
            self.root = value
            return
        parent, last = self._parent(path)
        if isinstance(parent, dict):
            parent[last] = value
        elif last == "-":
            parent.append(value)
        else:
            parent.insert(_index(parent, last, room=1), value)

    def _take(self, path: list[str]) -> None:
        self._get(path)
        if not path:
            raise _Failed("the whole object cannot be removed")
        parent, last = self._parent(path)
        del parent[_index(parent, last) if isinstance(parent, list) else last]


_OPERATIONS: Final[dict[str, Callable[[_Patched, dict[str, Any]], None]]] = {
    "add": _Patched.add,
    "remove": _Patched.remove,
    "replace": _Patched.replace,
    "move": _Patched.move,
    "copy": _Patched.duplicate,
    "test": _Patched.test,
}


def _pointer(operation: dict[str, Any], key: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    text = operation.get(key)
    if not isinstance(text, str):
        raise _Failed(f"{key} must be a string")
    if not text:
        return []
    if not text.startswith("/"):
        raise _Failed(f"{key} {json.dumps(text)} must start with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _index(items: list[Any], part: str, room: int = 0) -> int:
    """The place that `part` names in a list; `room` is 1 where the place behind the last may be named."""
    if _INDEX.fullmatch(part) is None:
        raise _Failed(f"{json.dumps(part)} is no index of a list")
    index, size = int(part), len(items) + room
    if not -size <= index < size:
        raise _Failed(f"index {index} is outside of a list of {len(items)}")
    return index + size if index < 0 else index


def _show(path: list[str]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path) or "the root"
