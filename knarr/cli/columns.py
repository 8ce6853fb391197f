"""Columns of one's own: `custom-columns=NAME:.metadata.name,IMAGES:.spec.containers[*].image`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knarr.cli.jsonpath import JsonPathError, find
from knarr.cli.jsonpath.templates import show

NONE = "<none>"


@dataclass(frozen=True, slots=True)
class Column:
    """A header and the path of what stands below it."""

    header: str
    path: str


def parse_columns(text: str) -> tuple[Column, ...]:
    """`HEADER:PATH,HEADER:PATH`; raises JsonPathError."""
    return tuple(_column(part) for part in _split(text))


def parse_template(text: str) -> tuple[Column, ...]:
    """A line of headers and a line of paths, separated by spaces; raises JsonPathError."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) != 2 or len(lines[0]) != len(lines[1]):
        raise JsonPathError("the file must have a line of headers and a line with as many paths")
    return tuple(_column(f"{header}:{path}") for header, path in zip(*lines, strict=True))


def rows_of(columns: Sequence[Column], values: Sequence[Any]) -> list[list[str]]:
    """The cells of each value; raises JsonPathError."""
    return [[_cell(column, value) for column in columns] for value in values]


def _cell(column: Column, value: Any) -> str:
    return ",".join(show(found) for found in find(column.path, value)) or NONE


def _column(text: str) -> Column:
    header, colon, path = text.partition(":")
    path = path.strip().removeprefix("{").removesuffix("}")
    if not colon or not header or not path:
        raise JsonPathError(f'"{text}": a column is HEADER:PATH, for example NAME:.metadata.name')
    find(path, {})  # that it can be read
    return Column(header.strip(), path)


def _split(text: str) -> list[str]:
    """The parts between commas that stand outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += character in "[("
        depth -= character in "])"
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts
