"""Sets of fields in the notation of metadata.managedFields (FieldsV1), and their algebra.

A set is kept as the parsed notation itself: nested dicts whose keys are path elements. `f:name` is a field
or a map key, `k:{...}` the element of a list with these key fields, `v:...` the element of a set with this
value, `i:n` an element by its place. An empty dict is a path in the set with nothing below it; a dict with
content is in the set itself when it has the key `.`. Sets are shared and cached: nobody may change one.

    {"f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:metadata": {...}}}}
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import orjson

from knarr.api.errors import FormatError

FieldSet = dict[str, Any]  # of FieldSet; a recursive alias costs a cast at every step

EMPTY: Final[FieldSet] = {}
SELF: Final = "."
MAX_DEPTH: Final = 100
_PREFIXES: Final = ("f:", "k:", "v:", "i:")
_SHOWN_LENGTH: Final = 200


class FieldSetError(FormatError):
    """Not a set of fields in FieldsV1 notation."""


@lru_cache(maxsize=16_384)
def decode(raw: bytes) -> FieldSet:
    """The set that FieldsV1 bytes say. Objects of one owner have equal sets, so most calls are one look-up.

    Raises FieldSetError.
    """
    if not raw:
        return EMPTY
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FieldSetError(f"fieldsV1 is no JSON: {error}") from error
    return _read(parsed, MAX_DEPTH)


def _read(parsed: Any, levels: int) -> FieldSet:
    if not isinstance(parsed, dict) or levels == 0:
        raise FieldSetError("fieldsV1 must be nested objects, and not too deeply")
    read: FieldSet = {}
    for key, inner in parsed.items():
        if key != SELF and not key.startswith(_PREFIXES):
            raise FieldSetError(f"{key[:_SHOWN_LENGTH]!r} is no path element")
        read[_canonical(key)] = _read(inner, levels - 1)
    return _tidy(read) if len(read) == 1 and levels < MAX_DEPTH else read


def _canonical(key: str) -> str:
    """Key fields in the order of their names, values as this module writes them."""
    if key.startswith("f:") or key == SELF:
        return key
    try:
        value = json.loads(key[2:])
    except (ValueError, RecursionError) as error:
        raise FieldSetError(f"{key[:_SHOWN_LENGTH]!r} is no path element: {error}") from error
    if key.startswith("k:") and not isinstance(value, dict):
        raise FieldSetError(f"{key[:_SHOWN_LENGTH]!r} names no key fields")
    return element(key[0], value)


def element(prefix: str, value: Any) -> str:
    """A path element of the kind `k` (an object of key fields) or `v` (a value)."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # integers of more than 64 bits, and text that is no Unicode
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"{prefix}:{text}"


def encode(fields: FieldSet) -> bytes:
    """The FieldsV1 bytes of a set, the same for equal sets."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def is_member(below: FieldSet) -> bool:
    """Whether the path that leads to `below` is itself in the set."""
    return not below or SELF in below


def with_self(below: FieldSet) -> FieldSet:
    """`below` with the path that leads to it."""
    return {SELF: EMPTY, **below} if below else EMPTY


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either; `left` itself when `right` adds nothing."""
    merged: FieldSet | None = None
    for key, theirs in right.items():
        ours = left.get(key)
        joined = theirs if ours is None else _union_below(ours, theirs)
        if joined is not ours:
            merged = dict(left) if merged is None else merged
            merged[key] = joined
    return left if merged is None else merged


def _union_below(ours: FieldSet, theirs: FieldSet) -> FieldSet:
    if not theirs:
        return ours if is_member(ours) else with_self(ours)
    if not ours:
        return theirs if SELF in theirs else with_self(theirs)
    return union(ours, theirs)


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in `left` only; `left` itself when nothing goes. Taking a path leaves what is below it."""
    rest: FieldSet | None = None
    for key, theirs in right.items():
        ours = left.get(key)
        if ours is None:
            continue
        kept = _difference_below(ours, theirs)
        if kept is not ours:
            rest = dict(left) if rest is None else rest
            if kept is None:
                del rest[key]
            else:
                rest[key] = kept
    return left if rest is None else rest


def _difference_below(ours: FieldSet, theirs: FieldSet) -> FieldSet | None:
    """None: nothing is left, neither the path itself nor anything below."""
    if not ours:
        return None if is_member(theirs) else ours
    if not theirs:
        return {key: inner for key, inner in ours.items() if key != SELF} if SELF in ours else ours
    kept = difference(ours, theirs)
    return _tidy(kept) if kept else None


def difference_below(left: FieldSet, right: FieldSet) -> FieldSet:
    """`left` without the paths in `right` and without everything below them."""
    rest: FieldSet = {}
    for key, ours in left.items():
        theirs = right.get(key)
        if theirs is None:
            rest[key] = ours
        elif not is_member(theirs):
            kept = difference_below(ours, theirs) if ours else ours
            if kept or not ours:
                rest[key] = _tidy(kept)
    return rest


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    both: FieldSet = {}
    for key, ours in left.items():
        theirs = right.get(key)
        if theirs is None:
            continue
        if not ours or not theirs:
            if is_member(ours) and is_member(theirs):
                both[key] = EMPTY
        elif found := intersection(ours, theirs):
            both[key] = _tidy(found)
    return both


def _tidy(below: FieldSet) -> FieldSet:
    """One notation for a path with nothing below it."""
    return EMPTY if len(below) == 1 and SELF in below else below


def paths(fields: FieldSet, above: str = "") -> Iterator[str]:
    """The paths in a set, as Kubernetes prints them: `.spec.containers[name="main"].image`."""
    for key, below in sorted(fields.items()):
        if key == SELF:
            continue
        here = above + _shown(key)
        if is_member(below):
            yield here
        yield from paths(below, here)


def _shown(key: str) -> str:
    prefix, rest = key[0], key[2:]
    if prefix == "f":
        return f".{rest}"
    if prefix == "k":
        pairs = json.loads(rest).items()
        return (
            "[" + ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in pairs) + "]"
        )
    return f"[={rest}]" if prefix == "v" else f"[{rest}]"
