"""Server-side apply on JSON: which fields a document has, merging two of them, taking fields out.

Follows structured-merge-diff v4/v6 in meaning: objects merge by field, keyed lists by element, atomic values
are replaced as a whole. Pure; results may share parts with the arguments, which are never changed.
"""

from typing import Any

from control_plane.api.patching import field_sets
from control_plane.api.patching.documents import type_name
from control_plane.api.patching.field_sets import EMPTY, FieldSet, is_member
from control_plane.api.patching.schema import Shape, Type

_OBJECTS = (Shape.STRUCT, Shape.MAP)
_LISTS = (Shape.KEYED, Shape.SET)


class ElementError(ValueError):
    """A list element that has no name of its own: a key field is missing or the value is of another type."""


def element_name(item: Any, kind: Type) -> str:
    """The path element that names an element of a keyed list or a set. Raises ElementError."""
    if kind.shape is Shape.SET:
        if isinstance(item, dict | list) or item is None:
            raise ElementError(f"elements of a set must be scalars, got {type_name(item)}")
        return field_sets.element("v", item)
    if not isinstance(item, dict):
        raise ElementError(f"expected an object, got {type_name(item)}")
    values = {}
    for key in kind.keys:
        value = item.get(key)
        if value is None:
            value = kind.key_defaults.get(key)
        if value is None:
            raise ElementError(
                f'associative list with keys has an element that omits key field "{key}"'
                " (and doesn't have default value)"
            )
        if isinstance(value, dict | list):
            raise ElementError(f'key field "{key}" must be a scalar, got {type_name(value)}')
        values[key] = value
    return field_sets.element("k", values)


def named_elements(items: list[Any], kind: Type) -> list[tuple[str, Any]]:
    """The elements with their names; one without a name of its own is named by its place."""
    named = []
    for place, item in enumerate(items):
        try:
            named.append((element_name(item, kind), item))
        except ElementError:
            named.append((f"i:{place}", item))
    return named


def element_problems(value: Any, kind: Type, path: str = "") -> list[str]:
    """What apply cannot accept in lists: elements without their keys, and the same element twice."""
    problems: list[str] = []
    if kind.shape in _OBJECTS and isinstance(value, dict):
        for key, item in value.items():
            inner = inside(kind, key)
            if inner is not None:
                problems += element_problems(item, inner, f"{path}.{key}")
    elif kind.shape in _LISTS and isinstance(value, list):
        seen: set[str] = set()
        for place, item in enumerate(value):
            try:
                name = element_name(item, kind)
            except ElementError as error:
                problems.append(f"{path}: element {place}: {error}")
                continue
            shown = next(field_sets.paths({name: EMPTY}))
            if name in seen:
                problems.append(f"{path}: duplicate entries for key {shown}")
            seen.add(name)
            if kind.element is not None:
                problems += element_problems(item, kind.element, path + shown)
    return problems


def inside(kind: Type, key: str) -> Type | None:
    """The type of a member of an object; None for a field that the schema does not have."""
    member = kind.members.get(key)
    return member.type if member is not None else kind.element


def fields_of(value: Any, kind: Type) -> FieldSet:
    """The fields below `value`; what an applier of this document owns."""
    fields: FieldSet = {}
    if kind.shape in _OBJECTS and isinstance(value, dict):
        for key, item in value.items():
            inner = inside(kind, key)
            if inner is None:
                fields[f"f:{key}"] = EMPTY
                continue
            # An empty object is something to own, an empty map is not: no stored object has one.
            empty = item is None or (item == {} and inner.shape is Shape.STRUCT)
            _add(fields, f"f:{key}", item, inner, own=kind.shape is Shape.MAP or empty)
    elif kind.shape in _LISTS and isinstance(value, list) and kind.element is not None:
        for name, item in named_elements(value, kind):
            _add(fields, name, item, kind.element, own=True)
    return fields


def _add(fields: FieldSet, name: str, value: Any, kind: Type, own: bool) -> None:
    """Put `value` into the set; `own`: the path itself belongs to it even where something is below."""
    below = fields_of(value, kind) if value is not None else EMPTY
    if kind.shape in (Shape.SCALAR, Shape.ATOMIC) or (own and not below):
        fields[name] = EMPTY
    elif below:
        fields[name] = field_sets.with_self(below) if own else below


def zeros_of(value: Any, kind: Type) -> FieldSet:
    """Of the fields below `value`, those that are said to be 0, false or empty text."""
    fields: FieldSet = {}
    named: list[tuple[str, Any, Type | None]] = []
    if kind.shape in _OBJECTS and isinstance(value, dict):
        named = [(f"f:{key}", item, inside(kind, key)) for key, item in value.items()]
    elif kind.shape in _LISTS and isinstance(value, list):
        named = [(name, item, kind.element) for name, item in named_elements(value, kind)]
    for name, item, inner in named:
        if inner is None:
            continue
        if inner.shape is Shape.SCALAR:
            if not item and isinstance(item, bool | int | float | str):
                fields[name] = EMPTY
        elif below := zeros_of(item, inner):
            fields[name] = below
    return fields


def with_named_fields(fields: FieldSet, kind: Type | None) -> FieldSet:
    """The set, and every named field that something in the set is below of."""
    out: FieldSet = {}
    for key, below in fields.items():
        if key == field_sets.SELF or kind is None:
            out[key] = below
            continue
        inner = inside(kind, key[2:]) if key.startswith("f:") else kind.element
        named = with_named_fields(below, inner)
        own = is_member(below) or (key.startswith("f:") and key[2:] in kind.members)
        out[key] = field_sets.with_self(named) if own and named and field_sets.SELF not in named else named
    return out


def merge(live: Any, applied: Any, kind: Type) -> Any:
    """`live` with everything that `applied` says. None stands for absent."""
    if kind.shape in _OBJECTS and isinstance(live, dict) and isinstance(applied, dict):
        return _merge_objects(live, applied, kind)
    if kind.shape in _LISTS and isinstance(live, list) and isinstance(applied, list) and applied:
        return _merge_lists(live, applied, kind)
    if kind.shape in (*_OBJECTS, *_LISTS) and not applied and live:
        return live
    return applied


def _merge_objects(live: dict[str, Any], applied: dict[str, Any], kind: Type) -> dict[str, Any]:
    merged = dict(live)
    for key, value in applied.items():
        inner = inside(kind, key)
        merged[key] = merge(live[key], value, inner) if key in live and inner is not None else value
    return merged


def _merge_lists(live: list[Any], applied: list[Any], kind: Type) -> list[Any]:
    """Elements that both have take the order of `applied`; those that one has alone keep their neighbours."""
    ours, theirs = named_elements(live, kind), named_elements(applied, kind)
    wanted = dict(theirs)
    old = dict(reversed(ours))  # of duplicates, the first
    shared = [name for name, _ in theirs if name in old]
    out: list[Any] = []
    done: set[str] = set()
    left = right = 0
    while left < len(ours) or right < len(theirs):
        name = ours[left][0] if left < len(ours) else ""
        if name and name not in wanted:
            out.append(ours[left][1])
            left += 1
        elif name in done or (name and shared[0] != name):
            left += 1  # its turn was, or comes, in the order of `applied`
        else:
            wanted_name, item = theirs[right]
            if wanted_name in old and kind.element is not None:
                item = merge(old[wanted_name], item, kind.element)
            out.append(item)
            done.add(wanted_name)
            right += 1
            if shared and shared[0] == wanted_name:
                del shared[0]
    return out


def remove(value: Any, fields: FieldSet, kind: Type | None) -> Any:
    """`value` without the paths in `fields`, which are relative to it. An emptied object or list is None."""
    if kind is None or kind.shape in (Shape.SCALAR, Shape.ATOMIC) or not value:
        return value
    if isinstance(value, dict):
        return _remove_members(value, fields, kind) or None
    if not isinstance(value, list):
        return value
    kept = []
    for name, item in named_elements(value, kind):
        below = fields.get(name)
        if below is None:
            kept.append(item)
        elif not is_member(below):
            kept.append(remove(item, below, kind.element))
    return kept or None


def _remove_members(value: dict[str, Any], fields: FieldSet, kind: Type) -> dict[str, Any]:
    kept = {}
    for key, item in value.items():
        below = fields.get(f"f:{key}")
        if below is None:
            kept[key] = item
        elif not is_member(below):
            kept[key] = remove(item, below, inside(kind, key))
    return kept
