"""Tables of rules and defaults over messages, and what makes fast functions of them.

A table says for one message type (in one role: a container and an init container have a table each) which
values its fields take when they are left out and which values are refused. Tables nest as messages do. The
first use compiles a table into closures that look at the fields that are set and at nothing else, so the cost
follows the object and not the schema. Only this module knows how; the tables say what. No I/O, no clock.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from knarr.api.schema import fields as schema_fields
from knarr.errors import Cause
from knarr.proto.kubernetes import options_pb2

Causes = list[Cause]
Check = Callable[[Any, str, Causes], None]  # (value, its path, where to put what is wrong)
UpdateCheck = Callable[[Any, Any, str, Causes], None]  # (new, old, path of both, causes)
Fill = Callable[[Any], None]  # sets what is absent in a message

WHOLE: Final = ""  # the field of a rule about the message as a whole


@dataclass(frozen=True, slots=True)
class Checker:
    """A check of one value with its description in plain language: "is a DNS label"."""

    check: Check
    says: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold for one field, or for the message (`field` is WHOLE)."""

    field: str
    says: str
    check: Check
    always: bool = False  # also when the field is absent; else only when it is set
    at: str | None = None  # the path below the message where causes are reported, if not the field's


@dataclass(frozen=True, slots=True)
class Nested:
    """The rules and defaults of a field's message, or of each message of a list or map."""

    field: str
    table: "Table"
    at: str | None = None
    in_place: bool = False  # causes are reported at the list itself, without an index
    checked: bool = True  # False: another rule applies the table's rules, where and when they count


@dataclass(frozen=True, slots=True)
class Default:
    """What a field becomes when it is absent."""

    field: str
    says: str  # the value, or a sentence about it
    fill: Fill


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """What must hold between the new and the old object."""

    says: str
    check: UpdateCheck
    field: str = WHOLE  # dotted from the object's root; for documentation


@dataclass(frozen=True, eq=False)
class Table:
    """Defaults and rules of one message type in one role."""

    message: type[Message]
    rules: tuple[Rule | Nested, ...] = ()
    defaults: tuple[Default, ...] = field(default=())

    def __post_init__(self) -> None:
        known = self.message.DESCRIPTOR.fields_by_name
        for row in (*self.rules, *self.defaults):
            if row.field and row.field not in known:
                raise ValueError(f"{self.message.DESCRIPTOR.full_name} has no field {row.field}")

    @cached_property
    def check(self) -> Check:
        """Adds everything wrong with a message to the causes."""
        return _compile_check(self)

    @cached_property
    def fill(self) -> Fill | None:
        """Sets the defaults of a message and of all below it; None when there are none."""
        return _compile_fill(self)

    def nested(self) -> Iterator[Nested]:
        return (rule for rule in self.rules if isinstance(rule, Nested))


def _descriptor(table: Table, name: str) -> FieldDescriptor:
    return cast(FieldDescriptor, table.message.DESCRIPTOR.fields_by_name[name])


def _is_map(descriptor: FieldDescriptor) -> bool:
    entry: Descriptor | None = descriptor.message_type
    return entry is not None and entry.GetOptions().map_entry


def _is_inline(descriptor: FieldDescriptor) -> bool:
    return descriptor.GetOptions().Extensions[options_pb2.rule].inline


def _is_struct(descriptor: FieldDescriptor) -> bool:
    """Embedded by value in Kubernetes: there is always one, though it may be empty."""
    if _is_inline(descriptor):
        return True
    owner = descriptor.containing_type
    assert owner is not None  # only extensions have none
    return any(known.descriptor is descriptor and known.is_struct for known in schema_fields(owner))


def _compile_check(table: Table) -> Check:
    present: dict[int, list[tuple[str, Check]]] = {}
    always: list[tuple[str, str, Check]] = []
    whole: list[tuple[str | None, Check]] = []
    for rule in table.rules:
        if not rule.field:
            assert isinstance(rule, Rule)
            whole.append((rule.at, rule.check))
            continue
        descriptor = _descriptor(table, rule.field)
        if isinstance(rule, Nested):
            if not rule.checked:
                continue
            check, is_always = _nested_check(rule, descriptor), _is_struct(descriptor)
        else:
            check, is_always = rule.check, rule.always
        name = rule.at
        if name is None:
            name = WHOLE if _is_inline(descriptor) else descriptor.json_name
        if is_always:
            always.append((rule.field, name, check))
        else:
            present.setdefault(descriptor.number, []).append((name, check))
    return _checker(present, always, whole)


def _checker(
    present: dict[int, list[tuple[str, Check]]],
    always: list[tuple[str, str, Check]],
    whole: list[tuple[str | None, Check]],
) -> Check:
    def check_message(message: Any, path: str, causes: Causes) -> None:
        dot = f"{path}." if path else ""
        if present:
            for descriptor, value in message.ListFields():
                for name, check in present.get(descriptor.number, ()):
                    check(value, dot + name if name else path, causes)
        for field_name, name, check in always:
            check(getattr(message, field_name), dot + name if name else path, causes)
        for at, check in whole:
            check(message, path if at is None else dot + at, causes)

    return check_message


def _nested_check(rule: Nested, descriptor: FieldDescriptor) -> Check:
    table = rule.table
    if not descriptor.is_repeated:
        # Looked up when called: tables may contain themselves.
        return lambda value, path, causes: table.check(value, path, causes)
    if _is_map(descriptor):
        return lambda values, path, causes: _check_map(table, values, path, causes)
    if rule.in_place:
        return lambda values, path, causes: _check_in_place(table, values, path, causes)
    return lambda values, path, causes: _check_list(table, values, path, causes)


def _check_list(table: Table, values: Iterable[Any], path: str, causes: Causes) -> None:
    check = table.check
    for index, value in enumerate(values):
        check(value, f"{path}[{index}]", causes)


def _check_in_place(table: Table, values: Iterable[Any], path: str, causes: Causes) -> None:
    for value in values:
        table.check(value, path, causes)


def _check_map(table: Table, values: Any, path: str, causes: Causes) -> None:
    for key, value in values.items():
        table.check(value, f"{path}[{key}]", causes)


def _compile_fill(table: Table) -> Fill | None:
    own = tuple(default.fill for default in table.defaults)
    below = tuple(_nested_fills(table))
    if not own and not below:
        return None

    def fill(message: Any) -> None:
        for step in own:
            step(message)
        for step in below:
            step(message)

    return fill


def _nested_fills(table: Table) -> Iterator[Fill]:
    done: set[tuple[str, int]] = set()
    for rule in table.nested():
        inner = rule.table.fill
        if inner is None or (rule.field, id(rule.table)) in done:
            continue
        done.add((rule.field, id(rule.table)))
        descriptor = _descriptor(table, rule.field)
        if _is_map(descriptor):
            yield _fill_map(rule.field, inner)
        elif descriptor.is_repeated:
            yield _fill_list(rule.field, inner)
        else:
            yield _fill_one(rule.field, inner, _is_struct(descriptor))


def _fill_list(name: str, inner: Fill) -> Fill:
    def fill(message: Any) -> None:
        for item in getattr(message, name):
            inner(item)

    return fill


def _fill_map(name: str, inner: Fill) -> Fill:
    def fill(message: Any) -> None:
        values = getattr(message, name)
        for key in values:
            inner(values[key])

    return fill


def _fill_one(name: str, inner: Fill, always: bool) -> Fill:
    def fill(message: Any) -> None:
        if always or message.HasField(name):
            inner(getattr(message, name))

    return fill
