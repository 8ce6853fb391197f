"""JSON merge patch, RFC 7386: objects merge, null removes, all else replaces. Pure; knows no schema."""

from collections.abc import Mapping
from typing import Any

from control_plane.api.patching.documents import copy, require_object


def merge_patch(original: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """The patched document; neither argument is changed. Raises BadRequest for a patch that is no object."""
    return _merge(require_object(original, "the object"), require_object(patch, "the patch"))


def _merge(original: Any, patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(original) if isinstance(original, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(merged.get(key), value)
        else:
            merged[key] = copy(value)
    return merged
