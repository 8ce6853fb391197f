"""Aligned labels and values, nested by indentation; what descriptions are written in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from knarr.ages import age
from knarr.api.owners import controller_of
from knarr.proto.kubernetes import meta_v1_pb2 as meta

INDENT = "  "


class Text:
    """Collects lines; the labels of one block are aligned when it is finished."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._lines: list[tuple[int, str, str | None]] = []  # depth, label, value
        self._depth = 0

    def field(self, label: str, value: object) -> None:
        """`Label:  value`; an empty value is shown as <none>."""
        shown = str(value) if value not in ("", None) else "<none>"
        first, *rest = shown.split("\n")
        self._lines.append((self._depth, f"{label}:", first))
        self._lines.extend((self._depth, "", line) for line in rest)

    def line(self, text: str) -> None:
        """A line of its own."""
        self._lines.append((self._depth, text, None))

    @contextmanager
    def block(self, label: str) -> Iterator[None]:
        """`Label:` with what is said inside indented below it."""
        self.line(f"{label}:")
        self._depth += 1
        yield
        self._depth -= 1

    def mapping(self, label: str, values: Mapping[str, object]) -> None:
        """Several `key=value`, one a line."""
        self.listing(label, [f"{key}={value}" for key, value in sorted(values.items())])

    def listing(self, label: str, values: Sequence[str]) -> None:
        """Several values, one a line, beside the label."""
        self.field(label, "\n".join(values))

    def table(self, label: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A small table below its label."""
        if not rows:
            self.field(label, "")
            return
        with self.block(label):
            widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
            for row in (header, *rows):
                cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
                self.line("  ".join(cells).rstrip())

    def conditions(self, found: Iterable[Any]) -> None:
        """The conditions of any kind: type, status, reason, message."""
        rows = [(each.type, each.status, each.reason, each.message) for each in found]
        if rows:
            self.table("Conditions", ("TYPE", "STATUS", "REASON", "MESSAGE"), rows)

    def time(self, label: str, time: meta.Time) -> None:
        """A point in time and how long ago it was."""
        self.field(label, self.when(time))

    def when(self, time: meta.Time) -> str:
        """ "2026-01-02T03:04:05Z (5m ago)"."""
        if not time.seconds:
            return ""
        stamp = datetime.fromtimestamp(time.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{stamp} ({age(self.now - time.seconds)} ago)"

    def metadata(self, metadata: meta.ObjectMeta) -> None:
        """What every object has."""
        self.field("Name", metadata.name)
        if metadata.namespace:
            self.field("Namespace", metadata.namespace)
        self.mapping("Labels", metadata.labels)
        self.mapping("Annotations", metadata.annotations)
        self.time("Created", metadata.creationTimestamp)
        if metadata.HasField("deletionTimestamp"):
            grace = f", grace {metadata.deletionGracePeriodSeconds}s"
            self.field("Deletion asked", self.when(metadata.deletionTimestamp) + grace)
        if metadata.finalizers:
            self.listing("Finalizers", list(metadata.finalizers))
        owner = controller_of(metadata)
        if owner is not None:
            self.field("Controlled by", f"{owner.kind}/{owner.name}")

    def finished(self) -> str:
        """The whole text; labels of one depth are aligned between changes of depth."""
        out: list[str] = []
        start = 0
        while start < len(self._lines):
            end = start
            depth = self._lines[start][0]
            while end < len(self._lines) and self._lines[end][0] == depth:
                end += 1
            part = self._lines[start:end]
            width = max((len(label) for _, label, value in part if value is not None), default=0)
            for _, label, value in part:
                content = label if value is None else f"{label.ljust(width)}  {value}"
                out.append((INDENT * depth + content).rstrip())
            start = end
        return "\n".join(out) + "\n"
