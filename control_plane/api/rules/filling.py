"""Makes one function of a table's defaults and of those of the tables below it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from control_plane.api.rules.shapes import descriptor_of, is_map, is_struct
from knarr.api.recent import Recent

if TYPE_CHECKING:
    from control_plane.api.rules.engine import Table

Fill = Callable[[Any], None]  # sets what is absent in a message


def compile_fill(table: "Table") -> Fill | None:
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


def filling_recent(fill: Fill) -> Fill:
    """The same, of a message that was filled lately from what it became then."""
    filled = Recent[bytes]()

    def fill_or_recall(message: Any) -> None:
        key = filled.key(message)
        known = filled.get(key)
        if known is not None:
            message.ParseFromString(known)
            return
        fill(message)
        if key:
            filled.put(key, message.SerializeToString())

    return fill_or_recall


def _nested_fills(table: "Table") -> Iterator[Fill]:
    done: set[tuple[str, int]] = set()
    for rule in table.nested():
        inner = rule.table.fill
        if inner is None or (rule.field, id(rule.table)) in done:
            continue
        done.add((rule.field, id(rule.table)))
        descriptor = descriptor_of(table.message, rule.field)
        if is_map(descriptor):
            yield _fill_map(rule.field, inner)
        elif descriptor.is_repeated:
            yield _fill_list(rule.field, inner)
        else:
            yield _fill_one(rule.field, inner, is_struct(descriptor))


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
