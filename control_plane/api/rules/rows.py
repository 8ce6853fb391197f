"""The words that tables are written in: one function for each kind of row."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from control_plane.api.rules import causes as say
from control_plane.api.rules.engine import (
    WHOLE,
    Causes,
    Check,
    Checker,
    Default,
    Nested,
    Rule,
    Table,
    UpdateRule,
)
from control_plane.api.rules.filling import Fill


def rule(
    field: str, checker: Checker, *, always: bool = False, at: str | None = None, says: str = ""
) -> Rule:
    """The field, when it is set (or always), must satisfy the checker."""
    return Rule(field, says or checker.says, checker.check, always, at)


def required(field: str, *, why: str = "", at: str | None = None) -> Rule:
    """The field must be there and not be empty."""

    def check(value: Any, path: str, causes: Causes) -> None:
        if not value and not isinstance(value, Message):
            causes.append(say.required(path, why))

    return Rule(field, "required", check, True, at)


def required_message(field: str, *, why: str = "", at: str | None = None) -> Rule:
    """The sub-message must be there; it may be empty."""

    def check(message: Any, path: str, causes: Causes) -> None:
        if not message.HasField(field):
            causes.append(say.required(path, why))

    return Rule(WHOLE, f"{field} is required", check, True, field if at is None else at)


def whole(says: str, check: Check, *, at: str | None = None) -> Rule:
    """Something about the message as a whole."""
    return Rule(WHOLE, says, check, True, at)


def into(field: str, table: Table, *, at: str | None = None, checked: bool = True) -> Nested:
    """The field's message has rules and defaults of its own."""
    return Nested(field, table, at, checked=checked)


def each(
    field: str, table: Table, *, at: str | None = None, in_place: bool = False, checked: bool = True
) -> Nested:
    """Each message of the list has."""
    return Nested(field, table, at, in_place, checked)


def unique(field: str, key: str, *, at: str | None = None) -> Rule:
    """No two items of the list have the same value of `key`; the second is reported."""
    suffix = key if at is None else at

    def check(items: Any, path: str, causes: Causes) -> None:
        if len(items) < 2:
            return
        seen: set[Any] = set()
        for index, item in enumerate(items):
            value = getattr(item, key)
            if value and value in seen:
                causes.append(say.duplicate(f"{path}[{index}].{suffix}", value))
            seen.add(value)

    return Rule(field, f"each {key} stands once", check)


def default(field: str, value: Any) -> Default:
    """A scalar field's value when it is absent (for pointers) or zero (for others)."""

    def fill_text(message: Any) -> None:
        if not getattr(message, field):
            setattr(message, field, value)

    return Default(field, say.shown(value), fill_text)


def default_pointer(field: str, value: Any) -> Default:
    """The value of a field whose explicit zero counts."""

    def fill_pointer(message: Any) -> None:
        if not message.HasField(field):
            setattr(message, field, value)

    return Default(field, say.shown(value), fill_pointer)


def default_by(field: str, fill: Fill, says: str) -> Default:
    """A default that depends on the rest of the message."""
    return Default(field, says, fill)


def ensure(field: str) -> Default:
    """An empty sub-message where there is none."""

    def fill_empty(message: Any) -> None:
        if not message.HasField(field):
            getattr(message, field).SetInParent()

    return Default(field, "{}", fill_empty)


def immutable(path: str, *, says: str = "") -> UpdateRule:
    """The field at the dotted path from the object's root may not change."""
    names = path.split(".")

    def check(new: Any, old: Any, root: str, causes: Causes) -> None:
        new_value, old_value = walk(new, names), walk(old, names)
        if new_value != old_value:
            causes.append(say.invalid(path, new_value, say.IMMUTABLE))

    return UpdateRule(says or "cannot be changed", check, path)


def on_update(says: str, check: Callable[[Any, Any, str, Causes], None], field: str = WHOLE) -> UpdateRule:
    """Something about the change as a whole."""
    return UpdateRule(says, check, field)


def walk(message: Any, names: list[str]) -> Any:
    """The value at a path of field names; None where a field with presence is absent."""
    for name in names:
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        if descriptor.has_presence and not message.HasField(name):
            return None
        message = getattr(message, name)
    return message
