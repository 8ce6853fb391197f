"""Objects as text: tables made by the server, YAML, JSON, names, JSONPath."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click
from google.protobuf.message import Message

from knarr.ages import age_since, ages_in
from knarr.api.codec import object_to_dict
from knarr.api.yaml_text import to_yaml
from knarr.cli.failure import USAGE, Failure
from knarr.cli.jsonpath import JsonPathError, render
from knarr.cli.resources import Target
from knarr.client.client import metadata_of
from knarr.proto.services import object_service_pb2 as wire

GAP = "   "


@dataclass(frozen=True, slots=True)
class Format:
    """What -o asked for."""

    name: str = ""  # "", "wide", "yaml", "json", "name", "jsonpath"
    template: str = ""

    @property
    def is_table(self) -> bool:
        return self.name in ("", "wide")


def parse_format(text: str | None) -> Format:
    """The format that -o names; raises Failure."""
    name, equals, template = (text or "").partition("=")
    if name == "jsonpath" and equals:
        return Format(name, template)
    if name in ("", "wide", "yaml", "json", "name") and not equals:
        return Format(name)
    raise Failure(f'-o "{text}": choose one of wide, yaml, json, name, jsonpath=TEMPLATE', USAGE)


def text_of(value: Any, format: Format) -> str:
    """A JSON value as YAML, JSON or by its JSONPath template."""
    if format.name == "yaml":
        return to_yaml(value)
    if format.name == "json":
        return json.dumps(value, indent=4, ensure_ascii=False) + "\n"
    try:
        return render(format.template, value)
    except JsonPathError as error:
        raise Failure(f"jsonpath: {error}", USAGE) from error


def print_objects(
    objects: Sequence[Message], targets: Sequence[Target], format: Format, *, as_list: bool
) -> None:
    """Print whole objects; several, or a list that was asked for, become a List."""
    if format.name == "name":
        for target in targets:
            click.echo(str(target))
        return
    values = [object_to_dict(obj) for obj in objects]
    value: Any = {}
    if as_list or len(values) != 1:
        value = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": values}
    else:
        value = values[0]
    click.echo(text_of(value, format), nl=False)


@dataclass(slots=True)
class TablePrinter:
    """Prints tables of one kind; remembers widths, so that the rows of a watch line up."""

    wide: bool = False
    with_namespace: bool = False
    with_labels: bool = False
    with_kind: bool = False
    headers: bool = True
    label_columns: tuple[str, ...] = ()
    _widths: list[int] = field(default_factory=list)
    _columns: list[wire.Table.Column] = field(default_factory=list)

    def fresh(self, *, with_kind: bool, with_namespace: bool) -> "TablePrinter":
        """A printer of the same kind for another table."""
        return TablePrinter(
            self.wide, with_namespace, self.with_labels, with_kind, self.headers, self.label_columns
        )

    def learn_columns(self, table: wire.Table) -> None:
        """Take the columns of a list whose rows are not printed."""
        self._columns = list(table.columns)

    def print(self, tables: Iterable[wire.Table], now: float) -> int:
        """Print the rows of one list; returns how many there were."""
        rows: list[list[str]] = []
        for table in tables:
            if table.columns:
                self._columns = list(table.columns)
            rows.extend(self._cells(row, now) for row in table.rows)
        if not rows:
            return 0
        first = not self._widths
        lines = [self._header(), *rows] if first and self.headers else rows
        self._widen(lines)
        for line in lines:
            click.echo(self._line(line))
        return len(rows)

    def _shown(self) -> list[int]:
        return [index for index, column in enumerate(self._columns) if self.wide or column.priority == 0]

    def _header(self) -> list[str]:
        names = [self._columns[index].name.upper() for index in self._shown()]
        names += [label.rpartition("/")[2].upper() for label in self.label_columns]
        return [
            *(["NAMESPACE"] if self.with_namespace else []),
            *names,
            *(["LABELS"] if self.with_labels else []),
        ]

    def _cells(self, row: wire.Table.Row, now: float) -> list[str]:
        cells = []
        for index in self._shown():
            cell = row.cells[index]
            if self._columns[index].format == "age":
                cell = age_since(cell, now)
            elif self._columns[index].format == "ages":
                cell = ages_in(cell, now)
            cells.append(cell)
        if self.with_kind and cells:
            cells[0] = f"{row.reference.kind.lower()}/{cells[0]}"
        if self.with_namespace:
            cells.insert(0, row.reference.namespace)
        cells += [row.labels.get(label, "") for label in self.label_columns]
        if self.with_labels:
            labels = ",".join(f"{key}={value}" for key, value in sorted(row.labels.items()))
            cells.append(labels or "<none>")
        return cells

    def _widen(self, lines: Sequence[Sequence[str]]) -> None:
        count = max(len(line) for line in lines)
        self._widths += [0] * (count - len(self._widths))
        for line in lines:
            for index, cell in enumerate(line):
                self._widths[index] = max(self._widths[index], len(cell))

    def _line(self, cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=False)]
        return GAP.join(padded).rstrip()


def name_of(obj: Message, target: Target) -> Target:
    """The target that names this object."""
    return Target(target.kind, metadata_of(obj).name)
