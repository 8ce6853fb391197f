"""The reference of fields in docs/, written from the tables.

`python -m control_plane.api.rules.document docs/reference/fields` writes it anew; a test holds it to the
tables. One page a kind. What a pod template says stands on Pod's page alone; the others point there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from control_plane.api.rules.api import BY_MESSAGE
from control_plane.api.rules.explain import Explained, walk
from knarr.api.kinds import KINDS, Kind

HEAD = """<!-- Written by control_plane/api/rules/document.py. Do not edit. -->
# {name}

`apiVersion: {version}`, `kind: {name}`. Fields with a default or a rule of their own, and the way to them.
"""
TEMPLATE = "PodTemplateSpec"


def pages() -> dict[str, str]:
    """File name to text, for all served kinds that have tables, and an index."""
    kinds = [kind for kind in KINDS if kind.message in BY_MESSAGE]
    result = {f"{kind.name}.md": page(kind) for kind in kinds}
    lines = [f"- [{kind.name}]({kind.name}.md): `{kind.api_version}`" for kind in kinds]
    head = "<!-- Written by control_plane/api/rules/document.py. Do not edit. -->\n# Fields by kind\n\n"
    result["README.md"] = head + "\n".join(lines) + "\n"
    return result


def page(kind: Kind) -> str:
    """The page of one kind."""
    rows = "\n".join(_row(field) for field in _shown(kind))
    table = f"| field | type | default | rules |\n| --- | --- | --- | --- |\n{rows}\n" if rows else ""
    return HEAD.format(name=kind.name, version=kind.api_version) + "\n" + table


def _shown(kind: Kind) -> Iterator[Explained]:
    inside = ""
    for field in walk(kind):
        if inside and field.path.startswith(inside):
            continue
        if field.type == TEMPLATE and kind.name != "Pod":
            inside = f"{field.path}.spec."
        if field.default or field.rules or field.type == TEMPLATE:
            yield field


def _row(field: Explained) -> str:
    rules = "; ".join(field.rules)
    if field.type == TEMPLATE:
        rules = "; ".join(filter(None, (rules, "its spec is as in [Pod](Pod.md)")))
    cells = (f"`{field.path}`", field.type, field.default, rules)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
