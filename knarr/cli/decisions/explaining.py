"""What the server knows of a field, as lines. Pure."""

import textwrap
from collections.abc import Iterator, Sequence

from knarr.api.kinds import Kind
from knarr.proto.services import object_service_pb2 as wire

WIDTH = 100
INDENT = 4
HANDLING = {
    wire.Explanation.IGNORED: "accepted with a warning, and changes nothing",
    wire.Explanation.REFUSED: "refused",
    wire.Explanation.STORED: "stored and checked; nothing acts on it yet",
}
MARKS = {
    wire.Explanation.IGNORED: "ignored",
    wire.Explanation.REFUSED: "refused",
    wire.Explanation.STORED: "stored only",
}


def explained(kind: Kind, field: wire.Explanation, *, recursive: bool) -> list[str]:
    """Everything about a field, and the fields below it: the next level with its descriptions, or all levels
    by name and type."""
    lines = [f"KIND:     {kind.name}", f"VERSION:  {kind.api_version}", ""]
    if field.path:
        lines += [f"FIELD:    {field.path} <{field.type}>{_marks(field)}", ""]
    lines += ["DESCRIPTION:", *_wrapped(field.description or "<none>", INDENT)]
    facts = list(_facts(field))
    lines += ["", *facts] if facts else []
    if field.children:
        lines += ["", "FIELDS:"]
        lines += list(_tree(field.children, 1)) if recursive else list(_level(field.children))
    return lines


def _facts(field: wire.Explanation) -> Iterator[str]:
    if field.default:
        yield f"DEFAULT:  {field.default}"
    rules = [rule for rule in field.rules if rule != "required"]
    if rules:
        yield "RULES:"
        for rule in rules:
            yield from _wrapped(f"- {rule}", INDENT, hanging=2)
    if field.handling in HANDLING:
        yield "HERE:"
        reason = f": {field.reason}" if field.reason else ""
        yield from _wrapped(HANDLING[field.handling] + reason, INDENT)


def _level(fields: Sequence[wire.Explanation]) -> Iterator[str]:
    for index, field in enumerate(fields):
        if index:
            yield ""
        yield f"  {field.name} <{field.type}>{_marks(field)}"
        if field.description:
            yield from _wrapped(field.description, INDENT)
        rules = [rule for rule in field.rules if rule != "required"]
        told = [f"default {field.default}"] if field.default else []
        if told or rules:
            yield from _wrapped("; ".join([*told, *rules]), INDENT)


def _tree(fields: Sequence[wire.Explanation], depth: int) -> Iterator[str]:
    for field in fields:
        yield f"{'  ' * depth}{field.name} <{field.type}>{_marks(field)}"
        yield from _tree(field.children, depth + 1)


def _marks(field: wire.Explanation) -> str:
    marks = ["required"] if field.required else []
    if field.handling in MARKS:
        marks.append(MARKS[field.handling])
    return f" -{', '.join(marks)}-" if marks else ""


def _wrapped(text: str, indent: int, hanging: int = 0) -> list[str]:
    space = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=space, subsequent_indent=space + " " * hanging)
