"""Why an object of a file was refused, with the place in the file and what to do. Pure."""

from knarr.cli.applying.items import Item
from knarr.cli.failure import of_api_error
from knarr.errors import ApiError, Cause, Conflict, Invalid

CONFLICT = "FieldManagerConflict"
VERSIONED = "the file has metadata.resourceVersion: it changes that version only; without it, any"


def refusal(item: Item, error: ApiError) -> str:
    """What the control plane said, with the place in the file of each field at fault."""
    if isinstance(error, Conflict) and any(cause.reason == CONFLICT for cause in error.causes):
        return _conflict(item, error)
    if not isinstance(error, Invalid) or not error.causes:
        text = f"{item.source}: {item.target}: {of_api_error(error).message}"
        versioned = (item.value.get("metadata") or {}).get("resourceVersion")
        return f"{text}\n{VERSIONED}" if isinstance(error, Conflict) and versioned else text
    return "\n".join(f"{_place(item, cause)}: {cause.field}: {cause.message}" for cause in error.causes)


def _conflict(item: Item, error: Conflict) -> str:
    lines = []
    for cause in error.causes:
        owner = cause.message.removeprefix("conflict with ")
        lines.append(f"{_place(item, cause)}: {cause.field} is owned by {owner}")
    return "\n".join([*lines, "leave these fields out of the file, or take them over with --force-conflicts"])


def _place(item: Item, cause: Cause) -> str:
    line, column = item.document.position(cause.field.lstrip("."))
    return f"{item.document.file}:{line}:{column}: {item.target}"
