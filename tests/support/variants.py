"""A document and another one like it: changed, shuffled, with things gone and things new."""

import random
from typing import Any

from control_plane.api.patching.schema import Member, Type, object_type
from control_plane.api.patching.typed import inside
from knarr.api.kinds import Kind
from tests.support.generate import value_of
from tests.support.halves import joined, named

Document = dict[str, Any]


def document_and_variant(kind: Kind, rng: random.Random) -> tuple[Document, Document]:
    """Two stored documents of one name, without nulls; elements have their merge keys, each once."""
    one, other = (_stored(kind, rng) for _ in range(2))
    return one, named(_variant(one, other, object_type(kind.message.DESCRIPTOR), rng), kind)


def _stored(kind: Kind, rng: random.Random) -> Document:
    value = joined(*(value_of(kind.message, rng, full=rng.random() < 0.7) for _ in range(2)))
    for key in ("name", "namespace"):
        value.get("metadata", {}).pop(key, None)
    return named(_mergeable(value, object_type(kind.message.DESCRIPTOR)), kind)


def _mergeable(value: Any, kind: Type | None) -> Any:
    """Without nulls, which patches cannot say, and without elements that have no name."""
    if isinstance(value, list):
        return [_mergeable(item, kind and kind.element) for item in value if item is not None]
    if not isinstance(value, dict):
        return value
    members = kind.members if kind is not None else {}
    return {
        key: _distinct(_mergeable(item, kind and inside(kind, key)), members.get(key))
        for key, item in value.items()
        if item is not None
    }


def _distinct(value: Any, member: Member | None) -> Any:
    if member is None or not member.merges or not isinstance(value, list):
        return value
    if not member.merge_key:
        return list(dict.fromkeys(value))
    return list({item[member.merge_key]: item for item in value if member.merge_key in item}.values())


def _variant(
    one: Any, other: Any, kind: Type | None, rng: random.Random, member: Member | None = None
) -> Any:
    """The one with some of the other; where a choice is to be made, any."""
    if isinstance(one, dict) and isinstance(other, dict):
        found: Document = {}
        for key in {**one, **other}:
            below = kind.members.get(key) if kind is not None else None
            if key in one and key in other:
                found[key] = _variant(one[key], other[key], kind and inside(kind, key), rng, below)
            elif rng.random() < 0.6:
                found[key] = one.get(key, other.get(key))
        return found
    if isinstance(one, list) and isinstance(other, list):
        return _distinct(_varied_list(one, other, kind, rng), member)
    return one if rng.random() < 0.7 else other


def _varied_list(one: list[Any], other: list[Any], kind: Type | None, rng: random.Random) -> list[Any]:
    """Elements of both, some of them mixed with others."""
    found = [item for item in [*one, *other] if rng.random() < 0.7]
    element = kind.element if kind is not None else None
    partners = [item for item in other if isinstance(item, dict)]
    for place, item in enumerate(found):
        if isinstance(item, dict) and partners and rng.random() < 0.7:
            found[place] = {**item, **_variant(item, rng.choice(partners), element, rng)}
    rng.shuffle(found)
    return found
