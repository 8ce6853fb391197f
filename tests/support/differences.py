"""Patches that make one document of another, as clients make them; read from the schema's rules alone."""

from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from control_plane.api.patching.documents import equal
from knarr.api import schema
from knarr.proto.kubernetes import options_pb2

Document = dict[str, Any]


def merge_difference(original: Document, target: Document) -> Document:
    """The merge patch that makes `target` of `original`; the target has no nulls."""
    patch: Document = {key: None for key in original if key not in target}
    for key, value in target.items():
        if key not in original or not equal(original[key], value):
            both = isinstance(value, dict) and isinstance(original.get(key), dict)
            patch[key] = merge_difference(original[key], value) if both else value
    return patch


def json_difference(original: Any, target: Any, path: str = "") -> list[Document]:
    """The JSON patch that does; lists are changed element by element, from the end."""
    if isinstance(original, dict) and isinstance(target, dict):
        operations = [_operation("remove", path, key) for key in original if key not in target]
        for key, value in target.items():
            if key in original:
                operations += json_difference(original[key], value, _operation("", path, key)["path"])
            else:
                operations.append(_operation("add", path, key, value=value))
        return operations
    if isinstance(original, list) and isinstance(target, list):
        shared = min(len(original), len(target))
        operations = [_operation("remove", path, place) for place in range(len(original) - 1, shared - 1, -1)]
        for place in range(shared):
            operations += json_difference(original[place], target[place], f"{path}/{place}")
        return operations + [_operation("add", path, "-", value=value) for value in target[shared:]]
    if equal(original, target):
        return []
    return [{"op": "test", "path": path, "value": original}, {"op": "replace", "path": path, "value": target}]


def _operation(name: str, path: str, key: str | int, **more: Any) -> Document:
    return {"op": name, "path": f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}", **more}


def strategic_difference(original: Document, target: Document, message: type[Message]) -> Document:
    """The strategic merge patch that kubectl would send: only what differs, deletions as directives."""
    descriptor: Any = message.DESCRIPTOR  # stubs know two classes of the same name
    return _members(original, target, descriptor, retain=False)


def _members(original: Document, target: Document, type_: Descriptor | None, *, retain: bool) -> Document:
    known = _fields(type_)
    patch: Document = {key: None for key in original if key not in target}
    for key, value in target.items():
        if key not in original:
            patch[key] = value
        elif not equal(original[key], value):
            patch.update(_member(key, original[key], value, known.get(key)))
    if retain and patch:
        patch["$retainKeys"] = sorted(target)
    return patch


def _member(key: str, original: Any, target: Any, field: schema.Field | None) -> Document:
    rule = field.descriptor.GetOptions().Extensions[options_pb2.rule] if field is not None else None
    strategies = rule.patch_strategy.split(",") if rule is not None else []
    if "replace" in strategies or type(original) is not type(target):
        return {key: target}
    if isinstance(target, dict):
        inside = field.message if field is not None else None
        return {key: _members(original, target, inside, retain="retainKeys" in strategies)}
    if isinstance(target, list) and "merge" in strategies and rule is not None and field is not None:
        if not rule.patch_merge_key:
            return _scalars(key, original, target)
        return _elements(
            key, original, target, field, rule.patch_merge_key, retain="retainKeys" in strategies
        )
    return {key: target}


def _scalars(key: str, original: list[Any], target: list[Any]) -> Document:
    patch: Document = {f"$setElementOrder/{key}": target}
    if added := [item for item in target if item not in original]:
        patch[key] = added
    if gone := [item for item in original if item not in target]:
        patch[f"$deleteFromPrimitiveList/{key}"] = gone
    return patch


def _elements(
    key: str, original: list[Any], target: list[Any], field: schema.Field, merge_key: str, *, retain: bool
) -> Document:
    before = {item[merge_key]: item for item in original}
    after = {item[merge_key]: item for item in target}
    changes: list[Document] = []
    for name, item in after.items():
        if name not in before:
            changes.append(item)
        elif not equal(before[name], item):
            changes.append({**_members(before[name], item, field.message, retain=retain), merge_key: name})
    changes += [{merge_key: name, "$patch": "delete"} for name in before if name not in after]
    order = [{merge_key: name} for name in after]
    return {f"$setElementOrder/{key}": order, **({key: changes} if changes else {})}


def _fields(type_: Descriptor | None) -> dict[str, schema.Field]:
    if type_ is None or type_.full_name in schema.SPECIAL:
        return {}
    return {field.key: field for field in schema.fields(type_)}
