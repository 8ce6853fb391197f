"""The text that an editor gets, what became of it, and the patch that it stands for. Pure."""

import difflib
from collections.abc import Sequence
from typing import Any, Final

from knarr.api.errors import ManifestError
from knarr.api.manifest import read_text
from knarr.api.yaml_text import to_yaml

HELP: Final = (
    "Lines that begin with # at the top are passed over. Leave without a change, or with nothing left,",
    "and nothing is done. What cannot be written comes back here with the reason.",
)
# What others write all the time, or nobody: a change there is no reason to ask again.
PASSING: Final = ("resourceVersion", "managedFields", "generation")


class Unusable(ValueError):
    """The edited text is no version of the object; the text says why."""


def buffer(text: str, note: str) -> str:
    """What the editor gets: help, or why the last try failed, and the text."""
    lines = [*HELP, *([""] if note else []), *note.splitlines()]
    return "\n".join(f"# {line}".rstrip() for line in lines) + "\n" + text


def body(edited: str) -> str:
    """The edited text without the comments at its top."""
    lines = edited.splitlines(keepends=True)
    first = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[first:])


def parsed(text: str, original: dict[str, Any]) -> dict[str, Any]:
    """The object that the text says; raises Unusable, also when it is another object."""
    try:
        documents = read_text(text, "edited")
    except ManifestError as error:
        raise Unusable(str(error)) from error
    if len(documents) != 1:
        raise Unusable(f"there are {len(documents)} documents; one is expected")
    value = documents[0].value
    if _identity(value) != _identity(original):
        raise Unusable(
            "apiVersion, kind, name and namespace cannot be changed: another object needs `create`"
        )
    return value


def _identity(value: dict[str, Any]) -> tuple[object, ...]:
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return value.get("apiVersion"), value.get("kind"), metadata.get("name"), metadata.get("namespace")


def patch_of(original: dict[str, Any], edited: dict[str, Any]) -> dict[str, Any]:
    """The patch that an edit stands for. What others write all the time is no part of it."""
    return merge_patch(_lasting(original), _lasting(edited))


def merge_patch(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that makes `new` of `old`."""
    patch: dict[str, Any] = dict.fromkeys(key for key in old if key not in new)
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch


def changed_meanwhile(before: dict[str, Any], now: dict[str, Any]) -> Sequence[str]:
    """The lines in which others have changed an object since it was read, status and the like aside."""
    return [
        line
        for line in difflib.unified_diff(
            _lines(before), _lines(now), "as you read it", "as it is now", lineterm=""
        )
        if not line.startswith("@@")
    ]


def _lines(value: dict[str, Any]) -> list[str]:
    return to_yaml(_lasting(value)).splitlines()


def _lasting(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: item for key, item in value["metadata"].items() if key not in PASSING}
    return {**{key: item for key, item in value.items() if key != "status"}, "metadata": metadata}
