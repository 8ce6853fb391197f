"""What the tables say of a field, in plain language: for `explain`, completion and the reference in docs/.

Reads tables and schema; decides nothing. A field that has no row is described by its type alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from control_plane.api.rules.api import rules_of
from control_plane.api.rules.engine import Nested, Rule, Table
from knarr.api.kinds import Kind
from knarr.api.schema import SPECIAL, Field
from knarr.api.schema import fields as schema_fields
from knarr.api.suggest import nearest

_TYPES: Final = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "boolean",
    FieldDescriptor.TYPE_INT32: "integer",
    FieldDescriptor.TYPE_INT64: "integer",
    FieldDescriptor.TYPE_BYTES: "base64 text",
    FieldDescriptor.TYPE_DOUBLE: "number",
}
_SPECIAL_TYPES: Final = {
    "IntOrString": "integer or string",
    "Quantity": "quantity",
    "Time": "time",
    "MicroTime": "time with microseconds",
    "Duration": "duration",
}


class UnknownField(LookupError):
    """The path names no field; `near` is what may have been meant, or ""."""

    def __init__(self, path: str, near: str) -> None:
        super().__init__(f"{path}: unknown field" + (f"; did you mean {near}?" if near else ""))
        self.path, self.near = path, near


@dataclass(frozen=True, slots=True)
class Explained:
    """One field."""

    path: str  # without indexes: spec.template.spec.containers.ports
    type: str  # "string", "[]Container", "map of quantity"
    default: str  # "" when there is none
    rules: tuple[str, ...]
    children: tuple[str, ...]  # the names of the fields below it


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a walk down from the root has come to."""

    path: str
    descriptor: Descriptor | None  # of the message here; None below scalars
    tables: tuple[Table, ...]  # all that speak of the message here
    explained: Explained


def explain(kind: Kind, path: str = "") -> Explained:
    """The field of a kind at a path such as "spec.template.spec.containers[0].image"; "" is the kind itself.

    Indexes and keys in brackets are passed over. Raises UnknownField, or KeyError for a kind without a table.
    """
    place = _root(kind)
    for name in _names(path):
        place = _down(place, name)
    return place.explained


def walk(kind: Kind) -> Iterator[Explained]:
    """All fields of a kind that the tables speak of, and the way to them, in the order of the schema."""
    pending = [_root(kind)]
    while pending:
        place = pending.pop()
        if place.path:
            yield place.explained
        if place.tables:
            below = [_down(place, name) for name in place.explained.children]
            pending.extend(reversed(below))


def _names(path: str) -> list[str]:
    return [name.partition("[")[0] for name in path.split(".") if name]


def _root(kind: Kind) -> _Place:
    rules = rules_of(kind)
    texts = [*(rule.says for rule in rules.create), *(_at(rule.field, rule.says) for rule in rules.update)]
    return _place("", cast(Descriptor, rules.message.DESCRIPTOR), (rules.table,), kind.name, "", texts)


def _at(field: str, says: str) -> str:
    return f"on update, {field}: {says}" if field else f"on update: {says}"


def _place(
    path: str,
    descriptor: Descriptor | None,
    tables: tuple[Table, ...],
    kind: str,
    default: str,
    texts: list[str],
) -> _Place:
    """A place with what the message's own tables say of it as a whole."""
    children = tuple(field.key for field in schema_fields(descriptor)) if descriptor is not None else ()
    for table in tables:
        texts += [row.says for row in table.rules if isinstance(row, Rule) and _is_of_whole(row, children)]
    return _Place(
        path, descriptor, tables, Explained(path, kind, default, tuple(dict.fromkeys(texts)), children)
    )


def _is_of_whole(row: Rule, children: tuple[str, ...]) -> bool:
    """Whether a rule of the message is about more than the one field where it reports."""
    return not row.field and row.at not in children


def _down(place: _Place, name: str) -> _Place:
    known = {field.key: field for field in schema_fields(place.descriptor)} if place.descriptor else {}
    path = f"{place.path}.{name}" if place.path else name
    field = known.get(name)
    if field is None:
        raise UnknownField(path, nearest(name, known) or "")
    tables = place.tables
    for struct in field.within:
        tables = tuple(_below(tables, struct))
    rows = [row for table in tables for row in table.rules if field.name in (row.field, row.field or row.at)]
    texts = [row.says for row in rows if isinstance(row, Rule)]
    defaults = [row.says for table in tables for row in table.defaults if row.field == field.name]
    return _place(
        path,
        _message(field),
        tuple(_below(tables, field.name)),
        _type(field),
        "; ".join(dict.fromkeys(defaults)),
        texts,
    )


def _below(tables: tuple[Table, ...], name: str) -> Iterator[Table]:
    for table in tables:
        for row in table.rules:
            if isinstance(row, Nested) and row.field == name:
                yield row.table


def _message(field: Field) -> Descriptor | None:
    """The message below a field that has fields of its own in JSON."""
    descriptor = field.map_value.message_type if field.is_map else field.message
    return None if descriptor is None or descriptor.full_name in SPECIAL else descriptor


def _type(field: Field) -> str:
    if field.is_map:
        return f"map of {_value_type(field.map_value)}"
    return f"[]{_value_type(field.descriptor)}" if field.is_list else _value_type(field.descriptor)


def _value_type(descriptor: FieldDescriptor) -> str:
    message = descriptor.message_type
    if message is None:
        return _TYPES.get(descriptor.type, "string")
    return _SPECIAL_TYPES.get(message.name, message.name)
