"""What changed between two messages of one type, as sets of fields.

On the path of every write. Each message type gets one plan of closures when it is first seen; unchanged parts
are found equal by protobuf's own comparison, in C, and never walked. Pure; knows no managers.
"""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from control_plane.api.patching import field_sets
from control_plane.api.patching.field_sets import EMPTY, FieldSet, with_self
from control_plane.api.patching.schema import Shape, Type, object_type
from knarr.api.recent import REPEATED, Recent
from knarr.api.schema import Field, fields, message_class

_Below = Callable[[Any], FieldSet]  # a value -> the fields below it
_Name = Callable[[Any], str]  # an element -> its path element
_Walk = Callable[[Any, Any, FieldSet, FieldSet], None]  # (old, new, changed, removed); fills the last two


class Change(NamedTuple):
    """What one write did. The sets may be shared: nobody changes them."""

    changed: FieldSet  # added, or with another value
    removed: FieldSet


def compare(old: Message, new: Message) -> Change:
    """The fields that differ. A list of which only the order differs has not changed."""
    changed: FieldSet = {}
    removed: FieldSet = {}
    _walker(new.DESCRIPTOR)(old, new, changed, removed)
    return Change(changed, removed)


class _Plan(NamedTuple):
    """How one field is compared and listed."""

    key: str  # its path element; "" for a flattened struct, whose fields count as the parent's
    by_value: bool  # Kubernetes embeds it by value: absent and empty are the same, it is always there
    below: _Below  # EMPTY for what has nothing below
    walk: _Walk | None  # None: a leaf
    absent: Any  # stands for an absent by-value struct, list or map


@cache
def _walker(descriptor: Descriptor) -> _Walk:
    plans = _plans(descriptor)

    def walk(old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
        before = dict(old.ListFields())
        for field, value in new.ListFields():
            prior = before.pop(field, None)
            if prior is not None and prior == value:
                continue
            key, by_value, below, inner, absent = plans[field]
            if inner is None:
                changed[key] = EMPTY
            elif prior is not None or by_value:
                _descend(key, inner, absent if prior is None else prior, value, changed, removed)
            else:
                changed[key] = with_self(below(value))
        for field, prior in before.items():
            key, by_value, below, inner, absent = plans[field]
            if by_value and inner is None:
                changed[key] = EMPTY
            elif by_value and inner is not None:
                _descend(key, inner, prior, absent, changed, removed)
            else:
                removed[key] = with_self(below(prior))

    return walk


def _descend(key: str, walk: _Walk, old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
    if not key:
        walk(old, new, changed, removed)
        return
    changed_below: FieldSet = {}
    removed_below: FieldSet = {}
    walk(old, new, changed_below, removed_below)
    if changed_below:
        changed[key] = changed_below
    if removed_below:
        removed[key] = removed_below


@cache
def _lister(descriptor: Descriptor) -> _Below:
    """The function that lists all fields of a message: those set, and those that are always there."""
    plans = _plans(descriptor)
    always = [plan for plan in plans.values() if plan.by_value and plan.key]

    def below(message: Any) -> FieldSet:
        found: FieldSet = {plan.key: EMPTY for plan in always}
        for field, value in message.ListFields():
            key, _, inside, _, _ = plans[field]
            if key:
                found[key] = with_self(inside(value))
            else:
                found.update(inside(value))
        return found

    return below


@cache
def _plans(descriptor: Descriptor) -> dict[FieldDescriptor, _Plan]:
    kind = object_type(descriptor)
    own = {item.descriptor: item for item in fields(descriptor) if not item.within}
    plans: dict[FieldDescriptor, _Plan] = {}
    for field in descriptor.fields:
        item = own.get(field)
        plans[field] = _flattened(field) if item is None else _plan(item, kind.members[item.key].type)
    return plans


def _flattened(field: FieldDescriptor) -> _Plan:
    message = field.message_type
    assert message is not None  # only messages are flattened
    return _Plan(
        "", True, lambda value: _lister(message)(value), _late_walker(message), message_class(message)()
    )


def _plan(item: Field, kind: Type) -> _Plan:
    key = f"f:{item.key}"
    if kind.shape in (Shape.SCALAR, Shape.ATOMIC):
        scalar = item.message is None and not item.is_list and not item.is_map and not item.keeps_zero
        return _Plan(key, item.is_struct or (item.always and scalar), _nothing_below, None, None)
    if kind.shape is Shape.STRUCT:
        message = item.message
        assert message is not None  # only messages are structs
        absent = message_class(message)() if item.is_struct else None
        walk = _late_walker(message)
        if absent is not None and message.full_name in REPEATED:
            walk = _recalling(walk, absent)
        return _Plan(key, item.is_struct, lambda value: _lister(message)(value), walk, absent)
    if kind.shape is Shape.MAP:
        return _Plan(key, item.always, _map_below, _walk_map, {})
    name = _element_name(item, kind)
    inner = item.message if kind.shape is Shape.KEYED else None

    def below(values: Any) -> FieldSet:
        return {name(value): with_self(_below(inner, value)) for value in values}

    return _Plan(key, item.always, below, _list_walk(inner, name), ())


def _late_walker(message: Descriptor) -> _Walk:
    """As `_walker`, which cannot be made yet for a type inside of itself."""
    return lambda old, new, changed, removed: _walker(message)(old, new, changed, removed)


def _recalling(walk: _Walk, absent: Message) -> _Walk:
    """The same walk. What is all new is walked once for equal messages: it has only changed fields."""
    found = Recent[FieldSet]()

    def walk_or_recall(old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
        if old is not absent:
            walk(old, new, changed, removed)
            return
        key = found.key(new)
        known = found.get(key)
        if known is None:
            known = {}
            walk(absent, new, known, removed)
            found.put(key, known)
        changed.update(known)

    return walk_or_recall


def _nothing_below(value: Any) -> FieldSet:
    return EMPTY


def _below(message: Descriptor | None, value: Any) -> FieldSet:
    return EMPTY if message is None else _lister(message)(value)


def _map_below(value: Any) -> FieldSet:
    return {f"f:{key}": EMPTY for key in value}


def _walk_map(old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
    # `in` before `[]`: asking a protobuf map of messages for a missing key would add it.
    for key in new:
        if key not in old or old[key] != new[key]:
            changed[f"f:{key}"] = EMPTY
    for key in old:
        if key not in new:
            removed[f"f:{key}"] = EMPTY


def _list_walk(message: Descriptor | None, name: _Name) -> _Walk:
    def walk(old: Any, new: Any, changed: FieldSet, removed: FieldSet) -> None:
        if message is not None and len(old) == len(new):
            pairs = [(prior, value) for prior, value in zip(old, new, strict=True) if prior != value]
            keys = [name(value) for _, value in pairs]
            if len(set(keys)) == len(keys) and keys == [name(prior) for prior, _ in pairs]:
                for key, (prior, value) in zip(keys, pairs, strict=True):
                    _descend(key, _walker(message), prior, value, changed, removed)
                return
        _walk_groups(message, _grouped(old, name), _grouped(new, name), changed, removed)

    return walk


def _walk_groups(
    message: Descriptor | None,
    before: dict[str, list[Any]],
    after: dict[str, list[Any]],
    changed: FieldSet,
    removed: FieldSet,
) -> None:
    """As a walk, of elements by name, wherever they stand."""
    for key, values in after.items():
        prior = before.pop(key, None)
        if prior == values:
            continue
        if prior is None or message is None or len(prior) != 1 or len(values) != 1:
            # Doubles of an element have no names of their own: they change together.
            changed[key] = _together(message, values)
        else:
            _descend(key, _walker(message), prior[0], values[0], changed, removed)
    for key, values in before.items():
        removed[key] = _together(message, values)


def _grouped(items: Iterable[Any], name: _Name) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(name(item), []).append(item)
    return groups


def _together(message: Descriptor | None, values: list[Any]) -> FieldSet:
    below = EMPTY
    for value in values:
        below = field_sets.union(below, _below(message, value))
    return with_self(below)


def _element_name(item: Field, kind: Type) -> _Name:
    if kind.shape is Shape.SET or item.message is None:
        return _value_element
    keys = tuple(sorted(kind.keys))
    at = {inner.key: inner for inner in fields(item.message)}
    ways = [(*at[key].within, at[key].name) for key in keys]
    defaults = tuple(kind.key_defaults.get(key, "") for key in keys)

    def name(element: Any) -> str:
        values = []
        for way, default in zip(ways, defaults, strict=True):
            value = element
            for step in way:
                value = getattr(value, step)
            values.append(value or default)
        return _key_element(keys, tuple(values))

    return name


@lru_cache(maxsize=16_384)
def _key_element(keys: tuple[str, ...], values: tuple[Any, ...]) -> str:
    return field_sets.element("k", dict(zip(keys, values, strict=True)))


@lru_cache(maxsize=16_384)
def _value_element(value: Any) -> str:
    return field_sets.element("v", value)
