"""Kubernetes' strategic merge patch: a merge patch that merges lists by the keys that the schema names.

Follows Kubernetes' design documents "strategic merge patch" and "preserve order in strategic merge patch".
Directives: `$patch` (replace, delete, merge), `$retainKeys`, `$setElementOrder/<list>` and
`$deleteFromPrimitiveList/<list>`. Pure: results may share parts with the arguments, which are never changed.
"""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api.patching import ordering
from control_plane.api.patching.documents import equal, require_object, type_name
from control_plane.api.patching.schema import Member, Type, object_type
from knarr.errors import BadRequest

_PATCH: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_SET_ORDER: Final = "$setElementOrder/"
_DELETE_FROM_LIST: Final = "$deleteFromPrimitiveList/"


def strategic_merge(original: Mapping[str, Any], patch: Any, message: type[Message]) -> dict[str, Any]:
    """The patched JSON of an object of type `message`; neither argument is changed.

    Fields that the type does not have merge as plain JSON: the decoder reports them. Raises BadRequest for a
    patch that cannot be read: a directive misused, an element without its merge key.
    """
    document = require_object(original, "the object")
    return _merge_object(document, require_object(patch, "the patch"), object_type(message.DESCRIPTOR))


def _merge_object(original: dict[str, Any], patch: dict[str, Any], kind: Type | None) -> dict[str, Any]:
    directive = patch.get(_PATCH)
    if directive == "replace":
        return _cleaned_object(patch)
    if directive == "delete":
        return {}
    if directive is not None and directive != "merge":
        raise BadRequest(f"unknown patch type: {_shown(directive)} in map: {_shown(patch)}")
    merged = _retained(original, patch)
    for key, value in patch.items():
        if key.startswith(_SET_ORDER):
            _merge_ordered(merged, key[len(_SET_ORDER) :], value, patch, kind)
        elif key.startswith(_DELETE_FROM_LIST):
            _delete_from(merged, key[len(_DELETE_FROM_LIST) :], value)
        elif key not in (_PATCH, _RETAIN_KEYS) and _SET_ORDER + key not in patch:
            _merge_field(merged, key, value, kind)
    return merged


def _retained(original: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A shallow copy of `original`, without what `$retainKeys` does not name."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    retained = _list(patch[_RETAIN_KEYS], _RETAIN_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in retained:
            raise BadRequest(f"invalid patch format of {_RETAIN_KEYS}: {_shown(key)} is set but not retained")
    return {key: value for key, value in original.items() if key in retained}


def _merge_field(merged: dict[str, Any], key: str, value: Any, kind: Type | None) -> None:
    if value is None:
        merged.pop(key, None)
        return
    member, inner = _member(kind, key)
    old = merged.get(key)
    if member is not None and member.replaces:
        merged[key] = _cleaned(value)
    elif isinstance(value, dict):
        # Merging into nothing removes directives and nulls, at every level.
        merged[key] = _merge_object(old if isinstance(old, dict) else {}, value, inner)
    elif isinstance(value, list) and isinstance(old, list) and member is not None and member.merges:
        merged[key] = _merge_list(old, value, member, key)
    elif isinstance(value, list) and isinstance(old, list):
        # Taken as it stands: directives mean nothing in a list that is not merged, and are no fields.
        merged[key] = [_cleaned_object(item) if isinstance(item, dict) else item for item in value]
    else:
        merged[key] = _cleaned(value)


def _member(kind: Type | None, key: str) -> tuple[Member | None, Type | None]:
    """What the schema says of a key: the rule, and the type of an object below it."""
    if kind is None:
        return None, None
    member = kind.members.get(key)
    if member is not None:
        return member, member.type
    return None, kind.element


def _merge_ordered(
    merged: dict[str, Any], key: str, order: Any, patch: dict[str, Any], kind: Type | None
) -> None:
    """Merge the list `key` as `$setElementOrder/<key>` of the patch says."""
    member, _ = _member(kind, key)
    merge_key = member.merge_key if member is not None else ""
    names = _list(order, _SET_ORDER + key)
    changes = patch.get(key)
    ordering.require_same_order([] if changes is None else _list(changes, key), names, merge_key)
    old = merged.get(key)
    old = old if isinstance(old, list) else []
    if key in patch:
        _merge_field(merged, key, changes, kind)
    if isinstance(merged.get(key), list):
        merged[key] = ordering.arrange(merged[key], names, old, merge_key)


def _delete_from(merged: dict[str, Any], key: str, values: Any) -> None:
    removed = _list(values, _DELETE_FROM_LIST + key)
    old = merged.get(key)
    if isinstance(old, list):
        merged[key] = [item for item in old if not any(equal(item, value) for value in removed)]


def _merge_list(old: list[Any], changes: list[Any], member: Member, key: str) -> list[Any]:
    if not any(isinstance(item, dict | list) for item in (*old, *changes)):
        merged: list[Any] = []
        for item in (*old, *changes):
            if not any(equal(item, seen) for seen in merged):
                merged.append(item)
        return ordering.arrange(merged, changes, old, "")
    if not member.merge_key:
        raise BadRequest(f"cannot merge lists without merge key for {key}")
    for item in changes:
        if not isinstance(item, dict):
            raise BadRequest(f"{key}: all elements must be objects, got {type_name(item)}")
    return _merge_elements(old, changes, member)


def _merge_elements(old: list[Any], changes: list[dict[str, Any]], member: Member) -> list[Any]:
    merge_key = member.merge_key
    merged, additions = list(old), []
    if any(change.get(_PATCH) == "replace" for change in changes):
        merged, old = [], []
    for change in changes:
        directive = change.get(_PATCH)
        if directive == "replace":
            continue
        if directive == "delete":
            unwanted = _key_of(change, merge_key)
            merged = [item for item in merged if not ordering.has_key(item, merge_key, unwanted)]
        elif directive is None:
            additions.append(change)
        else:
            raise BadRequest(f"unknown patch type: {_shown(directive)} in map: {_shown(change)}")
    for change in additions:
        wanted = _key_of(change, merge_key)
        place = ordering.find(merged, wanted, merge_key)
        if place < 0:
            merged.append(_merge_object({}, change, member.type.element))
        else:
            merged[place] = _merge_object(merged[place], change, member.type.element)
    return ordering.arrange(merged, additions, old, merge_key)


def _key_of(change: dict[str, Any], merge_key: str) -> Any:
    value = change.get(merge_key)
    if value is None:
        raise BadRequest(f"map: {_shown(change)} does not contain declared merge key: {merge_key}")
    return value


def _cleaned(value: Any) -> Any:
    """The value as it is put in place of another: without directives, and without null members."""
    if isinstance(value, dict):
        return _cleaned_object(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value if not (isinstance(item, dict) and _PATCH in item)]
    return value


def _cleaned_object(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _cleaned(item)
        for key, item in value.items()
        if item is not None
        and key not in (_PATCH, _RETAIN_KEYS)
        and not key.startswith((_SET_ORDER, _DELETE_FROM_LIST))
    }


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRequest(f"invalid patch format of {name}: expected a list, got {type_name(value)}")
    return value


def _shown(value: Any) -> str:
    """A value as Kubernetes prints it in such messages: map[a:1 b:2], shortened."""
    if isinstance(value, dict):
        text = "map[" + " ".join(f"{key}:{_shown(value[key])}" for key in sorted(value)) + "]"
    elif isinstance(value, list):
        text = "[" + " ".join(map(_shown, value)) + "]"
    else:
        text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"
