"""How values of each message type merge: one tree of types, read from the descriptors and their rules.

Strategic merge patch and server-side apply both walk this tree beside the JSON they work on, so that the two
agree on what a list's elements are called. It knows nothing of values and holds no state but its cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from knarr.api import schema as json_schema
from knarr.proto.kubernetes import options_pb2


class Shape(Enum):
    """What a value is, for merging."""

    SCALAR = "scalar"  # replaced as a whole; times, quantities and raw JSON too
    STRUCT = "struct"  # merged field by field
    MAP = "map"  # merged key by key
    ATOMIC = "atomic"  # an object or a list with one owner, replaced as a whole by apply
    SET = "set"  # a list of scalars, each an element of its own
    KEYED = "keyed"  # a list of objects told apart by key fields


@dataclass(slots=True, eq=False)
class Type:
    """How server-side apply treats values of one type, and what is inside of them.

    `members` and `element` are there for atomic values too: strategic merge goes into them.
    """

    name: str
    shape: Shape
    members: dict[str, Member] = field(default_factory=dict)  # of objects with named fields
    element: Type | None = None  # of lists and of maps
    keys: tuple[str, ...] = ()  # of KEYED
    key_defaults: dict[str, str] = field(default_factory=dict)  # by key, where the schema has one


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One named field."""

    type: Type
    merges: bool  # strategic merge patch merges the list instead of replacing it
    replaces: bool  # strategic merge patch replaces the object or list instead of merging it
    merge_key: str  # by which it tells a list's elements apart; "" for scalars


SCALAR: Final = Type("", Shape.SCALAR)


@cache
def object_type(descriptor: Descriptor, atomic: bool = False) -> Type:
    """The type of a message; of one that holds itself, the same Type again."""
    made = Type(descriptor.name, Shape.ATOMIC if atomic else Shape.STRUCT)
    _STARTED[descriptor, atomic] = made
    for item in json_schema.fields(descriptor):
        made.members[item.key] = _member(item)
    if json_schema.has_type_meta(descriptor):
        for key in ("apiVersion", "kind"):
            made.members.setdefault(key, _PLAIN_MEMBER)
    return made


_STARTED: Final[dict[tuple[Descriptor, bool], Type]] = {}
_PLAIN_MEMBER: Final = Member(SCALAR, merges=False, replaces=False, merge_key="")


def _member(item: json_schema.Field) -> Member:
    rule = item.descriptor.GetOptions().Extensions[options_pb2.rule]
    strategies = rule.patch_strategy.split(",")
    return Member(_type(item, rule), "merge" in strategies, "replace" in strategies, rule.patch_merge_key)


def _type(item: json_schema.Field, rule: options_pb2.FieldRule) -> Type:
    if item.is_map:
        shape = Shape.ATOMIC if rule.list_type == "atomic" else Shape.MAP
        return Type(item.key, shape, element=_value(item.map_value))
    if not item.is_list:
        return _value(item.descriptor, atomic=rule.list_type == "atomic")
    element = _value(item.descriptor)
    if rule.list_type == "set":
        return Type(item.key, Shape.SET, element=element)
    if rule.list_type == "map":
        keys = tuple(rule.list_map_keys)
        return Type(item.key, Shape.KEYED, element=element, keys=keys, key_defaults=_defaults(item, keys))
    return Type(item.key, Shape.ATOMIC, element=element)


def _value(descriptor: FieldDescriptor, atomic: bool = False) -> Type:
    message = descriptor.message_type
    if message is None or message.full_name in json_schema.SPECIAL:
        return SCALAR
    return _STARTED.get((message, atomic)) or object_type(message, atomic)


def _defaults(item: json_schema.Field, keys: tuple[str, ...]) -> dict[str, str]:
    message = item.message
    if message is None:
        return {}
    rules = {
        inner.key: inner.descriptor.GetOptions().Extensions[options_pb2.rule].key_default
        for inner in json_schema.fields(message)
    }
    return {key: rules[key] for key in keys if rules[key]}
