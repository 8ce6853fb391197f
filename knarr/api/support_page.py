"""Writes docs/supported-fields.md from the tables: `python -m knarr.api.support_page FILE`."""

import sys
from collections.abc import Iterable
from pathlib import Path

from knarr.api.errors import show
from knarr.api.kinds import KINDS
from knarr.api.support_honoured import HONOURED
from knarr.api.support_stored import REASONS, STORED
from knarr.api.support_table import UNSUPPORTED, Row, Verdict

_HEAD = """\
# Supported fields

Knarr reads Kubernetes' objects. A field that Kubernetes has and Knarr does not honour is never accepted in
silence: it is refused with its path, or, where ignoring it does no harm, accepted with a warning.
A field that Kubernetes does not have is refused too, with the nearest name.
Kinds on which nothing acts yet are stored, with all their fields checked as Kubernetes checks them, and
accepted with a warning.

This page is written from the tables in `knarr/api/support_table.py`, `knarr/api/support_honoured.py` and
`knarr/api/support_stored.py` by `python -m knarr.api.support_page docs/supported-fields.md`.
"""


def page() -> str:
    """The text of the page."""
    served = ", ".join(f"{kind.name} ({kind.api_version})" for kind in KINDS if kind.name not in STORED)
    return "\n".join(
        [
            _HEAD,
            "## Served kinds\n",
            f"{served}.\n",
            "## Stored, and not acted upon yet\n",
            *_stored(),
            "",
            "## Refused\n",
            *_rows(row for row in UNSUPPORTED if row.verdict is Verdict.REFUSED),
            "\n## Ignored with a warning\n",
            *_rows(row for row in UNSUPPORTED if row.verdict is Verdict.IGNORED),
            "\n## Honoured\n",
            "Everything else of the served kinds, by type:\n",
            *_honoured(),
            "",
        ]
    )


def _stored() -> list[str]:
    lines = ["| kind | what does not happen |", "| --- | --- |"]
    lines += [f"| {kind.name} ({kind.api_version}) | {reason} |" for kind, reason in REASONS.items()]
    return lines


def _rows(rows: Iterable[Row]) -> list[str]:
    lines = ["| field | why | fine |", "| --- | --- | --- |"]
    for row in sorted(rows, key=lambda row: row.field):
        fine = ", ".join(f"`{show(value)}`" for value in row.harmless)
        lines.append(f"| `{row.field}` | {row.reason} | {fine} |")
    return lines


def _honoured() -> list[str]:
    by_type: dict[str, list[str]] = {}
    for name in HONOURED:
        kind, _, field = name.rpartition(".")
        by_type.setdefault(kind, []).append(field)
    lines = ["| type | fields |", "| --- | --- |"]
    lines.extend(f"| `{kind}` | {', '.join(sorted(names))} |" for kind, names in sorted(by_type.items()))
    return lines


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
