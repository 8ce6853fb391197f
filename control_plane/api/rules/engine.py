"""Tables of rules and defaults over messages, and what makes fast functions of them.

A table says for one message type (in one role: a container and an init container have a table each) which
values its fields take when they are left out and which values are refused. Tables nest as messages do. The
first use compiles a table into closures that look at the fields that are set and at nothing else, so the cost
follows the object and not the schema. The tables say what, only this module and filling.py know how. No
I/O, no clock.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from control_plane.api.refusals import MOST_CAUSES
from control_plane.api.rules.filling import Fill, compile_fill, filling_recent
from control_plane.api.rules.shapes import descriptor_of, is_inline, is_map, is_struct
from knarr.api.recent import Recent
from knarr.errors import Cause

Causes = list[Cause]
Check = Callable[[Any, str, Causes], None]  # (value, its path, where to put what is wrong)
UpdateCheck = Callable[[Any, Any, str, Causes], None]  # (new, old, path of both, causes)

_REMEMBERED: Final = 8_192  # messages that passed, for each table that remembers: about 1 MiB
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
    """Defaults and rules of one message type in one role.

    `remembered`: a message whose very bytes were found right before is not checked again, nor are its
    defaults worked out again. For what comes in thousands of equal copies, as the specs of pods of one
    template do; its rules and defaults may look at nothing else.
    """

    message: type[Message]
    rules: tuple[Rule | Nested, ...] = ()
    defaults: tuple[Default, ...] = ()
    remembered: bool = False

    def __post_init__(self) -> None:
        known = self.message.DESCRIPTOR.fields_by_name
        for row in (*self.rules, *self.defaults):
            if row.field and row.field not in known:
                raise ValueError(f"{self.message.DESCRIPTOR.full_name} has no field {row.field}")

    @cached_property
    def check(self) -> Check:
        """Adds everything wrong with a message to the causes."""
        check = _compile_check(self)
        return _remembering(check) if self.remembered else check

    @cached_property
    def fill(self) -> Fill | None:
        """Sets the defaults of a message and of all below it; None when there are none."""
        fill = compile_fill(self)
        return filling_recent(fill) if fill is not None and self.remembered else fill

    def nested(self) -> Iterator[Nested]:
        return (rule for rule in self.rules if isinstance(rule, Nested))


def _compile_check(table: Table) -> Check:
    present: dict[FieldDescriptor, list[tuple[str, Check]]] = {}
    always: list[tuple[str, str, Check]] = []
    whole: list[tuple[str | None, Check]] = []
    for rule in table.rules:
        if not rule.field:
            assert isinstance(rule, Rule)
            whole.append((rule.at, rule.check))
            continue
        descriptor = descriptor_of(table.message, rule.field)
        if isinstance(rule, Nested):
            if not rule.checked:
                continue
            check, is_always = _nested_check(rule, descriptor), is_struct(descriptor)
        else:
            check, is_always = rule.check, rule.always
        name = rule.at
        if name is None:
            name = WHOLE if is_inline(descriptor) else descriptor.json_name
        if is_always:
            always.append((rule.field, name, check))
        else:
            present.setdefault(descriptor, []).append((name, check))
    steps = {descriptor: _in_turn(checks) for descriptor, checks in present.items()}
    return _checker(steps, tuple(always), tuple(whole))


_Step = tuple[str, Check]


def _in_turn(checks: list[_Step]) -> _Step:
    """One step for all checks of a field."""
    if len(checks) == 1:
        return checks[0]
    same = {name for name, _ in checks}
    if len(same) > 1:
        return WHOLE, _at_each(tuple(checks))
    every = tuple(check for _, check in checks)

    def check_all(value: Any, path: str, causes: Causes) -> None:
        for check in every:
            check(value, path, causes)

    return same.pop(), check_all


def _at_each(checks: tuple[_Step, ...]) -> Check:
    """Checks of one field that report at different paths; called with the message's."""

    def check_all(value: Any, path: str, causes: Causes) -> None:
        dot = f"{path}." if path else ""
        for name, check in checks:
            check(value, dot + name if name else path, causes)

    return check_all


def _checker(
    present: dict[FieldDescriptor, _Step],
    always: tuple[tuple[str, str, Check], ...],
    whole: tuple[tuple[str | None, Check], ...],
) -> Check:
    """The inner loop of validation: what is not set costs nothing, unless a rule asks for it."""

    def check_message(message: Any, path: str, causes: Causes) -> None:
        dot = path + "." if path else ""
        if present:
            for descriptor, value in message.ListFields():
                # Descriptors are compared by identity, which the runtime keeps.
                step = present.get(descriptor)
                if step is not None:
                    name, check = step
                    check(value, dot + name if name else path, causes)
        for field_name, name, check in always:
            check(getattr(message, field_name), dot + name if name else path, causes)
        for at, check in whole:
            check(message, path if at is None else dot + at, causes)

    return check_message


def _remembering(check: Check) -> Check:
    """The check, skipped for messages that have passed it lately."""
    passed = Recent[bool](_REMEMBERED)

    def check_unless_passed(message: Any, path: str, causes: Causes) -> None:
        key = passed.key(message)
        if passed.get(key):
            return
        before = len(causes)
        check(message, path, causes)
        if len(causes) == before:
            passed.put(key, True)

    return check_unless_passed


def _nested_check(rule: Nested, descriptor: FieldDescriptor) -> Check:
    table = rule.table
    if not descriptor.is_repeated:
        # Looked up when called: tables may contain themselves.
        return lambda value, path, causes: table.check(value, path, causes)
    if is_map(descriptor):
        return lambda values, path, causes: _check_map(table, values, path, causes)
    if rule.in_place:
        return lambda values, path, causes: _check_in_place(table, values, path, causes)
    return lambda values, path, causes: _check_list(table, values, path, causes)


def _check_list(table: Table, values: Iterable[Any], path: str, causes: Causes) -> None:
    check = table.check
    for index, value in enumerate(values):
        check(value, f"{path}[{index}]", causes)
        if len(causes) >= MOST_CAUSES:
            return


def _check_in_place(table: Table, values: Iterable[Any], path: str, causes: Causes) -> None:
    for value in values:
        table.check(value, path, causes)
        if len(causes) >= MOST_CAUSES:
            return


def _check_map(table: Table, values: Any, path: str, causes: Causes) -> None:
    for key, value in values.items():
        table.check(value, f"{path}[{key}]", causes)
        if len(causes) >= MOST_CAUSES:
            return
