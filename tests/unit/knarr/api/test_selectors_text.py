"""Selectors against what a Kubernetes API server answered, and against their own printed form."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knarr.api import field_selectors, selectors
from knarr.api.errors import SelectorError
from knarr.api.selectors import Operator, Requirement, Selector
from knarr.proto.kubernetes import meta_v1_pb2 as meta

RECORDED = Path(__file__).parents[3] / "conformance" / "selectors.jsonl.gz"
LABELS = {"app": "web", "env": "prod", "rel": "7", "empty": ""}


def recorded() -> list[dict[str, Any]]:
    with gzip.open(RECORDED, "rt") as lines:
        return [json.loads(line) for line in lines]


def _objects() -> list[dict[str, Any]]:
    return [entry["object"] for entry in recorded()[0]["objects"]]


def _queries(field: str) -> list[Any]:
    queries = [entry for entry in recorded() if entry["type"] == "query" and entry[field] is not None]
    return [pytest.param(entry, id=f"{entry['id']}-{entry[field]}"[:60]) for entry in queries]


@pytest.mark.parametrize("query", _queries("labelSelector"))
def test_label_selectors_answer_as_a_recorded_server(query: dict[str, Any]) -> None:
    if query["code"] == 400 and query["fieldSelector"] is None:
        with pytest.raises(SelectorError) as raised:
            selectors.parse(query["labelSelector"])
        assert str(raised.value) == query["error"]["message"]
        return
    selector = selectors.parse(query["labelSelector"])
    if query["fieldSelector"] is None:
        matching = [
            entry["metadata"]["name"]
            for entry in _objects()
            if entry["kind"] == query["kind"] and selector.matches(entry["metadata"].get("labels") or {})
        ]
        assert sorted(matching) == query["names"]


@pytest.mark.parametrize("query", _queries("fieldSelector"))
def test_field_selectors_parse_or_fail_as_on_a_recorded_server(query: dict[str, Any]) -> None:
    error = query.get("error", {}).get("message", "")
    if error.startswith("invalid"):
        with pytest.raises(SelectorError) as raised:
            field_selectors.parse(query["fieldSelector"])
        assert str(raised.value) == error
    else:
        parsed = field_selectors.parse(query["fieldSelector"])
        assert field_selectors.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web,env!=dev", True),
        ("app in (web, db),env notin (dev)", True),
        ("app,!zone", True),
        ("rel>6,rel<8", True),
        ("rel>7", False),
        ("app>1", False),
        ("missing>1", False),
        ("empty=", True),
        ("empty in ()", True),
        ("app in (,web)", True),
        ("zone notin (a)", True),
        ("zone!=a", True),
    ],
)
def test_matching(text: str, selected: bool) -> None:
    assert selectors.parse(text).matches(LABELS) is selected


def test_a_missing_message_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selectors.from_message(None).matches({})
    assert selectors.from_message(None).nothing
    assert selectors.from_message(meta.LabelSelector()).matches({})
    assert selectors.from_message(meta.LabelSelector()).everything


@pytest.mark.parametrize(
    ("operator", "values"), [("Gt", ["1"]), ("in", ["a"]), ("", []), ("In", []), ("Exists", ["a"])]
)
def test_messages_with_impossible_expressions_are_refused(operator: str, values: list[str]) -> None:
    expression = meta.LabelSelectorRequirement(key="a", operator=operator, values=values)
    with pytest.raises(SelectorError):
        selectors.from_message(meta.LabelSelector(matchExpressions=[expression]))


def test_a_message_becomes_a_selector_and_a_message_again() -> None:
    message = meta.LabelSelector(
        matchLabels={"app": "web"},
        matchExpressions=[
            meta.LabelSelectorRequirement(key="env", operator="NotIn", values=["dev", "test"]),
            meta.LabelSelectorRequirement(key="zone", operator="DoesNotExist"),
        ],
    )
    selector = selectors.from_message(message)
    assert str(selector) == "app=web,env notin (dev,test),!zone"
    assert selectors.to_message(selector) == message


@pytest.mark.parametrize("selector", [selectors.NOTHING, selectors.parse("a>1")])
def test_what_messages_cannot_say_is_refused(selector: Selector) -> None:
    with pytest.raises(SelectorError):
        selectors.to_message(selector)


_KEYS = st.from_regex(r"([a-z]{1,5}\.[a-z]{1,3}/)?[A-Za-z0-9]{1,6}", fullmatch=True)
_VALUES = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,3})?[A-Za-z0-9]?", fullmatch=True).filter(
    lambda text: not text.endswith(("-", ".", "_"))
)
_SETS = st.builds(
    Requirement,
    _KEYS,
    st.sampled_from([Operator.IN, Operator.NOT_IN]),
    st.sets(_VALUES, min_size=1, max_size=4).map(lambda values: tuple(sorted(values))),
)
_BARE = st.builds(Requirement, _KEYS, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST]))
_ORDERED = st.builds(
    Requirement,
    _KEYS,
    st.sampled_from([Operator.GREATER, Operator.LESS]),
    st.integers(0, 10**9).map(lambda number: (str(number),)),
)


@given(st.lists(st.one_of(_SETS, _BARE, _ORDERED), max_size=5))
def test_printed_selectors_parse_to_the_same(requirements: list[Requirement]) -> None:
    selector = Selector(tuple(sorted(requirements, key=lambda each: each.key)))
    assert selectors.parse(str(selector)) == selector


@given(st.text(max_size=40))
def test_any_text_parses_or_raises_a_selector_error(text: str) -> None:
    for parse in (selectors.parse, field_selectors.parse):
        try:
            parse(text)
        except SelectorError:
            continue


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xy", max_size=2), max_size=3))
def test_selecting_by_labels_is_selecting_supersets(labels: dict[str, str]) -> None:
    selector = selectors.from_labels(labels)
    assert selector.matches({**labels, "more": "1"})
    assert all(not selector.matches({**labels, key: "other"}) for key in labels)


def test_field_selectors_match_and_name_unsupported_fields() -> None:
    selector = field_selectors.parse("metadata.name=web,status.phase!=Running")
    assert selector.matches({"metadata.name": "web", "status.phase": ""}.__getitem__)
    assert not selector.matches({"metadata.name": "web", "status.phase": "Running"}.__getitem__)
    assert selector.exact("metadata.name") == "web"
    assert selector.exact("status.phase") is None
    selector.check({"metadata.name", "status.phase"})
    with pytest.raises(SelectorError, match=r"field label not supported: status\.phase"):
        selector.check({"metadata.name"})
