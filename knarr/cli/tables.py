"""Tables made by the server, on a terminal: columns lined up, ages counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import click

from knarr.ages import age_since, ages_in
from knarr.cli.decisions.colours import colour_of
from knarr.proto.services import object_service_pb2 as wire

GAP = "   "
STATUS = "STATUS"  # the column that has colours


def lined_up(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


@dataclass(slots=True)
class TablePrinter:
    """Prints tables of one kind; remembers widths, so that the rows of a watch line up."""

    wide: bool = False
    with_namespace: bool = False
    with_labels: bool = False
    with_kind: bool = False
    headers: bool = True
    label_columns: tuple[str, ...] = ()
    with_event: bool = False
    _widths: list[int] = field(default_factory=list)
    _columns: list[wire.Table.Column] = field(default_factory=list)

    def fresh(self, *, with_kind: bool, with_namespace: bool) -> "TablePrinter":
        """A printer of the same kind for another table."""
        return TablePrinter(
            self.wide, with_namespace, self.with_labels, with_kind, self.headers, self.label_columns
        )

    def learn_columns(self, table: wire.Table) -> None:
        """Take the columns of a list; a chunk that is not the first has none."""
        if table.columns:
            self._columns = list(table.columns)

    def print(self, tables: Iterable[wire.Table], now: float, event: str = "") -> int:
        """Print the rows of one list, or of one event; returns how many there were."""
        rows: list[list[str]] = []
        for table in tables:
            self.learn_columns(table)
            rows.extend(self._cells(row, now, event) for row in table.rows)
        if not rows:
            return 0
        names = self._header()
        header = [names] if self.headers and not self._widths else []
        self._widen([*header, *rows])
        for line in header:
            click.echo(self._line(line, ()))
        coloured = [index for index, name in enumerate(names) if name == STATUS]
        for line in rows:
            click.echo(self._line(line, coloured))
        return len(rows)

    def _shown(self) -> list[int]:
        return [index for index, column in enumerate(self._columns) if self.wide or column.priority == 0]

    def _header(self) -> list[str]:
        names = [self._columns[index].name.upper() for index in self._shown()]
        names += [label.rpartition("/")[2].upper() for label in self.label_columns]
        return [
            *(["EVENT"] if self.with_event else []),
            *(["NAMESPACE"] if self.with_namespace else []),
            *names,
            *(["LABELS"] if self.with_labels else []),
        ]

    def _cells(self, row: wire.Table.Row, now: float, event: str) -> list[str]:
        cells = []
        for index in self._shown():
            cell = row.cells[index]
            if self._columns[index].format == "age":
                cell = age_since(cell, now)
            elif self._columns[index].format == "ages":
                cell = ages_in(cell, now)
            cells.append(cell)
        if self.with_kind and cells:
            cells[0] = f"{_typed(row.reference)}/{cells[0]}"
        if self.with_namespace:
            cells.insert(0, row.reference.namespace)
        if self.with_event:
            cells.insert(0, event)
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

    def _line(self, cells: Sequence[str], coloured: Sequence[int]) -> str:
        """The cells, padded; colours are left out by click where nobody sees them."""
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=False)]
        padded[-1] = padded[-1].rstrip()
        for index in coloured:
            if colour := colour_of(cells[index]):
                padded[index] = click.style(padded[index], fg=colour)
        return GAP.join(padded).rstrip()


def _typed(reference: wire.Reference) -> str:
    """ "pod", "deployment.apps"."""
    group = reference.api_version.rpartition("/")[0]
    return f"{reference.kind.lower()}.{group}" if group else reference.kind.lower()
