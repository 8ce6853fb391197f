"""Columns of one's own, and the order that --sort-by asks for."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from knarr.cli.columns import parse_columns, parse_template, rows_of
from knarr.cli.decisions.ordering import order_of
from knarr.cli.failure import Failure
from knarr.cli.jsonpath import JsonPathError
from knarr.cli.output import Format, parse_format, text_of

POD = {
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "x"}},
    "spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}]},
}


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("NAME:.metadata.name", ["web"]),
        ("NAME:metadata.name,IMAGES:{.spec.containers[*].image}", ["web", "i,j"]),
        ("B:.spec.containers[?(@.name=='b')].image", ["j"]),
        (r"APP:.metadata.labels.app\.kubernetes\.io/name,NONE:.status.phase", ["x", "<none>"]),
        ("FIRST:.spec.containers[0,1].name", ["a,b"]),
    ],
)
def test_columns(text: str, cells: list[str]) -> None:
    assert rows_of(parse_columns(text), [POD]) == [cells]


def test_columns_of_a_file(tmp_path: Path) -> None:
    text = "NAME           IMAGE\n.metadata.name .spec.containers[0].image\n"
    assert rows_of(parse_template(text), [POD]) == [["web", "i"]]
    (tmp_path / "columns").write_text(text)
    columns = parse_format(f"custom-columns-file={tmp_path}/columns").columns
    assert [column.header for column in columns] == ["NAME", "IMAGE"]
    with pytest.raises(Failure, match="cannot be read"):
        parse_format(f"custom-columns-file={tmp_path}/none")


@pytest.mark.parametrize("text", ["NAME", "NAME:", ":.a", "NAME:.a[", "NAME:.a,"])
def test_no_columns(text: str) -> None:
    with pytest.raises(JsonPathError):
        parse_columns(text)
    with pytest.raises(JsonPathError):
        parse_template(text)


def test_jsonpath_of_a_file_and_as_json(tmp_path: Path) -> None:
    (tmp_path / "path").write_text("{.metadata.name}\n")
    assert text_of(POD, parse_format(f"jsonpath-file={tmp_path}/path")) == "web"
    shown = text_of(POD, Format("jsonpath-as-json", "{.spec.containers[*].name}"))
    assert shown == '[\n    "a",\n    "b"\n]\n'


def at(*values: Any) -> list[dict[str, Any]]:
    return [{} if value is None else {"v": value} for value in values]


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ((3, 1, 2), [1, 2, 0]),
        (("web-10", "web-9", "web"), [2, 1, 0]),
        (("1Gi", "500Mi", "2", 1), [3, 2, 1, 0]),
        ((None, "b", 1), [2, 1, 0]),
        (("2026-01-02T00:00:00Z", "2025-12-31T00:00:00Z"), [1, 0]),
        ((True, "a", False), [1, 2, 0]),
    ],
)
def test_order(values: tuple[Any, ...], order: list[int]) -> None:
    assert order_of(at(*values), "{.v}") == order


@given(some.lists(some.none() | some.integers() | some.floats(allow_nan=False) | some.text(max_size=5)))
def test_any_values_can_be_ordered(values: list[Any]) -> None:
    order = order_of(at(*values), ".v")
    assert sorted(order) == list(range(len(values)))
    again = [values[index] for index in order]
    assert order_of(at(*again), ".v") == list(range(len(values)))
