"""Whether an object uses fields that Knarr does not honour: refused, or accepted with a warning.

Only fields that are present are looked at, and only where the table has a row at or below them. An object of
a kind on which nothing acts yet gets one warning, whatever is in it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from knarr.api.errors import show
from knarr.api.kinds import Kind
from knarr.api.recent import REPEATED, Recent
from knarr.api.schema import SPECIAL, fields
from knarr.api.support_stored import STORED
from knarr.api.support_table import UNSUPPORTED, Row, Verdict
from knarr.errors import Cause

_ROWS: Final = {row.field: row for row in UNSUPPORTED}
_STATUS: Final = "status"  # of an object; written by Knarr itself

_REMEMBERED: Final = 8_192  # messages: about 1 MiB

_Found = list[tuple[Row, str, Any]]  # the row, the path and the value
_Walk = Callable[[Message, str, _Found], None]


def check_support(kind: Kind, message: Message) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """(a cause for each refused field, a warning for each ignored one) of an object with its defaults set."""
    if kind.name in STORED:
        return (), (STORED[kind.name],)
    walk = _walker(kind.message.DESCRIPTOR, True)
    if walk is None:
        return (), ()
    found: _Found = []
    walk(message, "", found)
    causes = [_cause(row, path, value) for row, path, value in found if row.verdict is Verdict.REFUSED]
    warnings = [
        f"{path}: is ignored: {row.reason}" for row, path, _ in found if row.verdict is Verdict.IGNORED
    ]
    return tuple(causes), tuple(warnings)


def _cause(row: Row, path: str, value: Any) -> Cause:
    """As Kubernetes words what it forbids; where other values are fine, the value is named."""
    if row.harmless and isinstance(value, str | bool | int):
        sentence = f"Forbidden: {show(value)} is not supported by Knarr: {row.reason}"
    else:
        sentence = f"Forbidden: not supported by Knarr: {row.reason}"
    return Cause(path, "FieldValueForbidden", sentence)


def name_of(field: FieldDescriptor) -> str:
    """The field's name in the tables: "core.PodSpec.hostPID"."""
    return field.full_name.removeprefix("knarr.").replace(".v1.", ".")


@cache
def _walker(descriptor: Descriptor, is_object: bool) -> _Walk | None:
    """The walk of a message type; None when no field at or below it has a row."""
    steps: dict[FieldDescriptor, tuple[Row | None, str, _Walk | None]] = {}
    for field in descriptor.fields:
        if is_object and field.name == _STATUS:
            continue
        row = _ROWS.get(name_of(field))
        inner = _inner(field) if row is None or row.harmless else None
        if row is not None or inner is not None:
            steps[field] = (row, _json_key(descriptor, field), inner)
    if not steps:
        return None

    def walk(message: Message, path: str, found: _Found) -> None:
        for field, value in message.ListFields():
            step = steps.get(field)
            if step is None:
                continue
            row, key, inner = step
            here = f"{path}.{key}" if path and key else path or key
            if row is not None:
                if value not in row.harmless:
                    found.append((row, here, value))
            elif inner is not None:
                inner(value, here, found)

    return _remembering(walk) if descriptor.full_name in REPEATED else walk


def _remembering(walk: _Walk) -> _Walk:
    """The same, but for messages in which it found nothing lately."""
    clean = Recent[bool](_REMEMBERED)

    def walk_unless_clean(message: Message, path: str, found: _Found) -> None:
        key = clean.key(message)
        if clean.get(key):
            return
        before = len(found)
        walk(message, path, found)
        if len(found) == before:
            clean.put(key, True)

    return walk_unless_clean


def _json_key(descriptor: Descriptor, field: FieldDescriptor) -> str:
    """Empty for a flattened struct."""
    return next((known.key for known in fields(descriptor) if known.descriptor == field), "")


def _inner(field: FieldDescriptor) -> _Walk | None:
    kind = field.message_type
    # No map of the schema holds messages with rows.
    if kind is None or kind.full_name in SPECIAL or kind.GetOptions().map_entry:
        return None
    walk = _walker(kind, False)
    if walk is None or not field.is_repeated:
        return walk

    def each(items: Any, path: str, found: _Found) -> None:
        for index, item in enumerate(items):
            walk(item, f"{path}[{index}]", found)

    return each
