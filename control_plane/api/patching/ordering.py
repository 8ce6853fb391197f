"""The order of a merged list's elements: as the patch has those it names, the others as they stood.

Kubernetes keeps both orders and mixes them so that every element of the server stays before the first patched
element that stood behind it. Elements of objects are told apart by their merge key, scalars by value.
"""

from typing import Any

from control_plane.api.patching.documents import equal
from knarr.errors import BadRequest


def has_key(item: Any, merge_key: str, wanted: Any) -> bool:
    """Whether an element is the one that `wanted` names."""
    if not merge_key:
        return equal(item, wanted)
    return isinstance(item, dict) and merge_key in item and equal(item[merge_key], wanted)


def find(items: list[Any], wanted: Any, merge_key: str) -> int:
    """The place of the element that `wanted` names; -1 when there is none."""
    for place, item in enumerate(items):
        if has_key(item, merge_key, wanted):
            return place
    return -1


def arrange(merged: list[Any], patch_order: list[Any], server_order: list[Any], merge_key: str) -> list[Any]:
    """The elements of `merged`: those in `patch_order` in that order, mixed with the others as they stood.

    The orders are lists of elements, of which only the merge key counts.
    """
    patch_places = [find(patch_order, _key(item, merge_key), merge_key) for item in merged]
    server_places = [find(server_order, _key(item, merge_key), merge_key) for item in merged]
    patched = [number for number, place in enumerate(patch_places) if place >= 0]
    patched.sort(key=lambda number: patch_places[number])
    others = [number for number, place in enumerate(patch_places) if place < 0]
    others.sort(key=lambda number: server_places[number])
    arranged: list[int] = []
    waiting = iter(others)
    other = next(waiting, None)
    for number in patched:
        while other is not None and 0 <= server_places[other] < server_places[number]:
            arranged.append(other)
            other = next(waiting, None)
        arranged.append(number)
    if other is not None:
        arranged += [other, *waiting]
    return [merged[number] for number in arranged]


def require_same_order(changes: list[Any], names: list[Any], merge_key: str) -> None:
    """Raises BadRequest unless `changes`, deletions apart, stand in the order of `$setElementOrder`."""
    if merge_key and not all(isinstance(item, dict) and merge_key in item for item in names):
        raise BadRequest(f"an element of $setElementOrder does not contain declared merge key: {merge_key}")
    rest = iter(names)
    for change in changes:
        if isinstance(change, dict) and "$patch" in change:
            continue
        wanted = _key(change, merge_key)
        if not any(has_key(name, merge_key, wanted) for name in rest):
            raise BadRequest("The order in the patch list doesn't match the $setElementOrder list")


def _key(item: Any, merge_key: str) -> Any:
    return item.get(merge_key) if merge_key and isinstance(item, dict) else item
