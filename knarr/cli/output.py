"""Whole objects as text: YAML, JSON, names, JSONPath, columns of one's own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.api.yaml_text import to_yaml
from knarr.cli.columns import Column, parse_columns, parse_template, rows_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.jsonpath import JsonPathError, find, render
from knarr.cli.resources import Target
from knarr.cli.tables import lined_up
from knarr.client import metadata_of

PLAIN = ("", "wide", "yaml", "json", "name")
JSONPATHS = ("jsonpath", "jsonpath-file", "jsonpath-as-json")
COLUMNS = ("custom-columns", "custom-columns-file")
CHOICE = "wide, yaml, json, name, jsonpath=TEMPLATE, custom-columns=HEADER:PATH,…"


@dataclass(frozen=True, slots=True)
class Format:
    """What -o asked for."""

    name: str = ""  # "", "wide", "yaml", "json", "name", "jsonpath", "jsonpath-as-json", "custom-columns"
    template: str = ""
    columns: tuple[Column, ...] = ()

    @property
    def is_table(self) -> bool:
        """A table of the server's."""
        return self.name in ("", "wide")


TABLE = Format()


def parse_format(text: str | None) -> Format:
    """The format that -o names; raises Failure."""
    name, equals, template = (text or "").partition("=")
    if name in PLAIN and not equals:
        return Format(name)
    if name in JSONPATHS and equals:
        if name == "jsonpath-file":
            return Format("jsonpath", _read(template).rstrip("\n"))
        return Format(name, template)
    if name in COLUMNS and template:
        try:
            columns = parse_template(_read(template)) if name.endswith("file") else parse_columns(template)
        except JsonPathError as error:
            raise Failure(f"-o {name}: {error}", USAGE) from error
        return Format("custom-columns", columns=columns)
    if name.startswith(("go-template", "template")):
        raise Failure(f"-o {name}: Go's templates are not supported; use jsonpath or custom-columns", USAGE)
    raise Failure(f'-o "{text}": choose one of {CHOICE}', USAGE)


def _read(name: str) -> str:
    try:
        return Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{name}: cannot be read: {error}") from error


def text_of(value: Any, format: Format) -> str:
    """A JSON value as YAML, JSON or by its JSONPath template."""
    if format.name == "yaml":
        return to_yaml(value)
    if format.name == "json":
        return json.dumps(value, indent=4, ensure_ascii=False) + "\n"
    try:
        if format.name == "jsonpath-as-json":
            found = find(format.template.strip().strip("{}"), value)
            return json.dumps(found, indent=4, ensure_ascii=False) + "\n"
        return render(format.template, value)
    except JsonPathError as error:
        raise Failure(f"jsonpath: {error}", USAGE) from error


def shown(obj: Message, *, managed_fields: bool = False) -> dict[str, Any]:
    """An object as people read it: without metadata.managedFields, unless those are asked for."""
    value = object_to_dict(obj)
    if not managed_fields and isinstance(value.get("metadata"), dict):
        value["metadata"].pop("managedFields", None)
    return value


def print_objects(
    objects: Sequence[Message],
    targets: Sequence[Target],
    format: Format,
    *,
    as_list: bool,
    managed_fields: bool = False,
    headers: bool = True,
) -> None:
    """Print whole objects; several, or a list that was asked for, become a List."""
    if format.name == "name":
        for target in targets:
            click.echo(str(target))
        return
    values = [shown(obj, managed_fields=managed_fields) for obj in objects]
    if format.name == "custom-columns":
        print_columns(values, format, headers=headers)
        return
    value: Any = {}
    if as_list or len(values) != 1:
        value = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": values}
    else:
        value = values[0]
    click.echo(text_of(value, format), nl=False)


def print_columns(values: Sequence[Any], format: Format, *, headers: bool) -> None:
    """A line for each value, its cells named by paths."""
    rows = rows_of(format.columns, values)
    header = [[column.header for column in format.columns]] if headers else []
    for line in lined_up([*header, *rows]) if rows or header else ():
        click.echo(line)


def name_of(obj: Message, target: Target) -> Target:
    """The target that names this object."""
    return Target(target.kind, metadata_of(obj).name)
