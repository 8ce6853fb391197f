"""Explain requests: what a field is, what must hold for it, and what this server does with it. No I/O.

Puts together the tables of rules and defaults, the table of fields that are not honoured, and the sentences
of explain_texts. Decides nothing of its own.
"""

from functools import lru_cache
from typing import cast

from google.protobuf.descriptor import Descriptor

from control_plane.api.rules.api import rules_of
from control_plane.api.rules.explain import UnknownField, explain
from control_plane.server.bodies import kind_of
from control_plane.server.explain_texts import text_of
from knarr.api.errors import show
from knarr.api.kinds import Kind
from knarr.api.schema import SPECIAL, Field
from knarr.api.schema import fields as schema_fields
from knarr.api.support import name_of
from knarr.api.support_stored import REASONS
from knarr.api.support_table import UNSUPPORTED, Row, Verdict
from knarr.errors import NotFound
from knarr.proto.services import object_service_pb2 as wire

MAX_PATH = 1_000  # characters
_ROWS = {row.field: row for row in UNSUPPORTED}
_HANDLING = {
    Verdict.REFUSED: wire.Explanation.REFUSED,
    Verdict.IGNORED: wire.Explanation.IGNORED,
}
_Handled = tuple["wire.Explanation.Handling.ValueType", str]


def explained(request: wire.ExplainRequest) -> wire.ExplainResponse:
    """The answer; raises NotFound for a kind or a field that there is not, naming the nearest.

    The whole of a Deployment takes some hundred milliseconds the first time: call it in a thread.
    """
    kind = kind_of(request.reference)
    names = [name.partition("[")[0] for name in request.path[:MAX_PATH].split(".") if name]
    try:
        field = _explanation(kind, ".".join(names), request.recursive)
    except UnknownField as error:
        raise NotFound(f'field "{error.path}" does not exist in {kind.name}{_near(error)}') from error
    return wire.ExplainResponse(reference=request.reference, field=field)


def _near(error: UnknownField) -> str:
    if not error.near:
        return ""
    parent = error.path.rpartition(".")[0]
    return f"; did you mean {parent + '.' if parent else ''}{error.near}?"


@lru_cache(maxsize=128)
def _explanation(kind: Kind, path: str, recursive: bool) -> wire.Explanation:
    explain(kind, path)  # raises UnknownField before anything is made
    names = path.split(".") if path else []
    handled = _of_kind(kind)
    field: Field | None = None
    descriptor: Descriptor | None = cast(Descriptor, kind.message.DESCRIPTOR)
    for name in names:
        assert descriptor is not None
        field = next(found for found in schema_fields(descriptor) if found.key == name)
        handled = _handling(field, handled)
        descriptor = _below(field)
    return _one(kind, path, field, descriptor, handled, -1 if recursive else 1)


def _one(
    kind: Kind, path: str, field: Field | None, descriptor: Descriptor | None, handled: _Handled, depth: int
) -> wire.Explanation:
    found = explain(kind, path)
    told = wire.Explanation(
        path=path,
        name=path.rpartition(".")[2] or kind.name,
        type=found.type,
        description=text_of(field, descriptor),
        default=found.default,
        handling=handled[0],
        reason=handled[1],
    )
    texts = [*found.rules, *_of_updates(kind, path)] if path else found.rules
    told.required = "required" in texts
    told.rules.extend(text for text in dict.fromkeys(texts))
    if depth == 0 or descriptor is None:
        return told
    for child in schema_fields(descriptor):
        below = f"{path}.{child.key}" if path else child.key
        told.children.append(_one(kind, below, child, _below(child), _handling(child, handled), depth - 1))
    return told


def _of_updates(kind: Kind, path: str) -> list[str]:
    return [f"immutable: {rule.says}" for rule in rules_of(kind).update if rule.field == path]


def _of_kind(kind: Kind) -> _Handled:
    reason = REASONS.get(kind)
    return (wire.Explanation.STORED, reason) if reason is not None else (wire.Explanation.HONOURED, "")


def _handling(field: Field, above: _Handled) -> _Handled:
    """What becomes of a field; below one that is refused or ignored, the same."""
    if above[0] != wire.Explanation.HONOURED:
        return above
    row = _ROWS.get(name_of(field.descriptor))
    return above if row is None else (_HANDLING[row.verdict], _reason(row))


def _reason(row: Row) -> str:
    fine = ", ".join(show(value) for value in row.harmless)
    return f"{row.reason} (fine: {fine})" if fine else row.reason


def _below(field: Field) -> Descriptor | None:
    """The message whose fields stand below this one in JSON."""
    descriptor = field.map_value.message_type if field.is_map else field.message
    return None if descriptor is None or descriptor.full_name in SPECIAL else descriptor
