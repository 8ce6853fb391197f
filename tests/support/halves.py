"""One document in two halves that share no field; for the laws of server-side apply."""

import random
from typing import Any

from control_plane.api.patching import field_sets
from control_plane.api.patching.ownership import UNOWNED, reset_fields
from control_plane.api.patching.schema import Shape, Type, object_type
from control_plane.api.patching.typed import ElementError, element_name, inside, named_elements, remove
from knarr.api.kinds import Kind
from tests.support.generate import value_of

Document = dict[str, Any]


def document_of(kind: Kind, rng: random.Random, *, full: bool = True) -> Document:
    """A document that one may apply: of fields that an applier can own."""
    root = object_type(kind.message.DESCRIPTOR)
    value = joined(*(value_of(kind.message, rng, full=full) for _ in range(2)))
    value = remove(value, field_sets.union(UNOWNED, reset_fields(kind, "")), root) or {}
    return named(_with_keys(value, root), kind)


def named(value: Document, kind: Kind) -> Document:
    """The document with what every applier must say."""
    own = {"name": "it", **({"namespace": "here"} if kind.namespaced else {}), **value.get("metadata", {})}
    return {**value, "apiVersion": kind.api_version, "kind": kind.name, "metadata": own}


def joined(one: Any, other: Any) -> Any:
    """Both values in one: of what both say the first, lists one behind the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {**other, **{key: joined(item, other.get(key)) for key, item in one.items()}}
    if isinstance(one, list) and isinstance(other, list):
        return one + other
    return one


def halves(document: Document, kind: Kind, rng: random.Random) -> tuple[Document, Document]:
    """Two documents that together say all that the document says; both say the keys of elements in both."""
    left, right = _split(document, object_type(kind.message.DESCRIPTOR), rng)
    return named(left or {}, kind), named(right or {}, kind)


def unordered(value: Any, kind: Type | None) -> Any:
    """The value with every list whose order nobody owns in one order."""
    if kind is None:
        return value
    if isinstance(value, dict) and kind.shape in (Shape.STRUCT, Shape.MAP):
        return {key: unordered(item, inside(kind, key)) for key, item in value.items()}
    if isinstance(value, list) and kind.shape in (Shape.KEYED, Shape.SET):
        return [unordered(item, kind.element) for _, item in sorted(named_elements(value, kind), key=_name)]
    return value


def _name(item: tuple[str, Any]) -> str:
    return item[0]


def _with_keys(value: Any, kind: Type | None) -> Any:
    """The value without elements that apply refuses: doubles, and those without a key of their own."""
    if kind is None:
        return value
    if isinstance(value, dict):
        return {key: _with_keys(item, inside(kind, key)) for key, item in value.items()}
    if not isinstance(value, list) or kind.shape not in (Shape.KEYED, Shape.SET):
        return value
    kept: dict[str, Any] = {}
    for item in value:
        try:
            kept.setdefault(element_name(item, kind), _with_keys(item, kind.element))
        except ElementError:
            continue
    return list(kept.values())


def _split(value: Any, kind: Type | None, rng: random.Random) -> tuple[Any, Any]:
    """(what the one says, what the other says); None for nothing."""
    whole = kind is None or kind.shape in (Shape.SCALAR, Shape.ATOMIC) or not value
    if whole or rng.random() < 0.2:
        return (value, None) if rng.random() < 0.5 else (None, value)
    assert kind is not None
    if isinstance(value, dict):
        return _split_members(value, kind, rng)
    return _split_elements(value, kind, rng)


def _split_members(value: Document, kind: Type, rng: random.Random) -> tuple[Any, Any]:
    sides: tuple[Document, Document] = ({}, {})
    for key, item in value.items():
        for side, half in zip(sides, _split(item, inside(kind, key), rng), strict=True):
            if half is not None:
                side[key] = half
    return sides[0] or None, sides[1] or None


def _split_elements(value: list[Any], kind: Type, rng: random.Random) -> tuple[Any, Any]:
    sides: tuple[list[Any], list[Any]] = ([], [])
    for item in value:
        keys = {key: item[key] for key in kind.keys if key in item} if isinstance(item, dict) else None
        for side, half in zip(sides, _split(item, kind.element, rng), strict=True):
            if half is not None:
                side.append(half if keys is None else {**half, **keys})
    return sides[0] or None, sides[1] or None
