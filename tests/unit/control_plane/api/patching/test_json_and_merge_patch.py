"""JSON patch and JSON merge patch: the RFCs' rules, Kubernetes' departures, limits."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import json_patch, merge_patch
from control_plane.api.patching.documents import copy, equal
from control_plane.api.patching.json_patch import MAX_COPIED_BYTES, MAX_OPERATIONS
from knarr.errors import BadRequest, Invalid, TooLarge
from tests.support.differences import merge_difference

DOCUMENT: dict[str, Any] = {"a": {"b": 1, "x/y": 2, "m~n": 3}, "list": [1, 2, 3], "n": None, "s": "text"}


def changed(**changes: Any) -> dict[str, Any]:
    return {**DOCUMENT, **changes}


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **more}


CARRIED_OUT = {
    "none": ([], DOCUMENT),
    "add a member": ([op("add", "/a/c", value={"d": [1]})], changed(a={**DOCUMENT["a"], "c": {"d": [1]}})),
    "add over a member": ([op("add", "/s", value=1)], changed(s=1)),
    "add to the front of a list": ([op("add", "/list/0", value=0)], changed(list=[0, 1, 2, 3])),
    "add to the end by index": ([op("add", "/list/3", value=4)], changed(list=[1, 2, 3, 4])),
    "add to the end": ([op("add", "/list/-", value=4)], changed(list=[1, 2, 3, 4])),
    "add from the end": ([op("add", "/list/-1", value=4)], changed(list=[1, 2, 3, 4])),
    "remove a member": ([op("remove", "/s")], {k: v for k, v in DOCUMENT.items() if k != "s"}),
    "remove an element": ([op("remove", "/list/1")], changed(list=[1, 3])),
    "remove the last": ([op("remove", "/list/-1")], changed(list=[1, 2])),
    "replace": ([op("replace", "/list/0", value=9)], changed(list=[9, 2, 3])),
    "replace what is not there": ([op("replace", "/new", value=1)], changed(new=1)),
    "replace the root": ([op("replace", "", value={"z": 1})], {"z": 1}),
    "move": (
        [op("move", "/t", **{"from": "/s"})],
        {**{k: v for k, v in DOCUMENT.items() if k != "s"}, "t": "text"},
    ),
    "move an element": ([op("move", "/list/0", **{"from": "/list/2"})], changed(list=[3, 1, 2])),
    "move to itself": ([op("move", "/s", **{"from": "/s"})], DOCUMENT),
    "copy": ([op("copy", "/list/-", **{"from": "/a/b"})], changed(list=[1, 2, 3, 1])),
    "copy what is not there": ([op("copy", "/c", **{"from": "/nope"})], changed(c=None)),
    "test": ([op("test", "/a/b", value=1), op("test", "/list", value=[1, 2, 3])], DOCUMENT),
    "test a number by value": ([op("test", "/a/b", value=1.0)], DOCUMENT),
    "test null": ([op("test", "/n", value=None)], DOCUMENT),
    "test null of what is not there": ([op("test", "/nope", value=None)], DOCUMENT),
    "an escaped slash": ([op("replace", "/a/x~1y", value=0)], changed(a={**DOCUMENT["a"], "x/y": 0})),
    "an escaped tilde": ([op("replace", "/a/m~0n", value=0)], changed(a={**DOCUMENT["a"], "m~n": 0})),
    "one after the other": (
        [op("add", "/q", value=[]), op("add", "/q/-", value=1), op("test", "/q", value=[1])],
        changed(q=[1]),
    ),
}


@pytest.mark.parametrize(("operations", "expected"), CARRIED_OUT.values(), ids=CARRIED_OUT)
def test_json_patch(operations: list[Any], expected: dict[str, Any]) -> None:
    before = copy([DOCUMENT, operations])
    assert json_patch(DOCUMENT, operations) == expected
    assert [DOCUMENT, operations] == before


REFUSED = {
    "remove what is not there": ([op("remove", "/nope")], "operation 0: /nope does not exist"),
    "move what is not there": ([op("move", "/t", **{"from": "/nope"})], "/nope does not exist"),
    "add below what is not there": ([op("add", "/nope/x", value=1)], "/nope does not exist"),
    "add below a string": ([op("add", "/s/x", value=1)], "/s is a string, nothing is inside of it"),
    "add below null": ([op("add", "/n/x", value=1)], "/n is null, nothing is inside of it"),
    "add behind the end": ([op("add", "/list/4", value=1)], "index 4 is outside of a list of 3"),
    "remove behind the end": ([op("remove", "/list/3")], "index 3 is outside of a list of 3"),
    "before the front": ([op("replace", "/list/-4", value=1)], "index -4 is outside"),
    "no index": ([op("replace", "/list/x", value=1)], '"x" is no index of a list'),
    "remove the end": ([op("remove", "/list/-")], '"-" is no index of a list'),
    "remove the root": ([op("remove", "")], "the whole object cannot be removed"),
    "move into itself": ([op("move", "/a/b/c", **{"from": "/a"})], "/a cannot be moved into itself"),
    "a test that fails": (
        [op("add", "/q", value=1), op("test", "/a/b", value=2)],
        "operation 1: testing value /a/b failed",
    ),
    "true is not 1": ([op("test", "/a/b", value=True)], "testing value /a/b failed"),
    "no path": ([{"op": "add", "value": 1}], "path must be a string"),
    "a path without a slash": ([op("add", "x", value=1)], 'path "x" must start with /'),
    "no op": ([{"path": "/a"}], "unknown op null"),
    "an unknown op": ([op("merge", "/a")], 'unknown op "merge"'),
    "a root that is no object": ([op("replace", "", value=[])], "the result is a list, not an object"),
}


@pytest.mark.parametrize(("operations", "message"), REFUSED.values(), ids=REFUSED)
def test_json_patch_refuses(operations: list[Any], message: str) -> None:
    with pytest.raises(Invalid) as caught:
        json_patch(DOCUMENT, operations)
    assert caught.value.message.startswith("the server rejected our request due to an error in our request")
    assert message in caught.value.message


@pytest.mark.parametrize("patch", ["x", {}, 1, None, [1], [[]]])
def test_json_patch_that_cannot_be_read(patch: Any) -> None:
    with pytest.raises(BadRequest):
        json_patch(DOCUMENT, patch)


def test_json_patch_limits() -> None:
    with pytest.raises(TooLarge, match="maximum operations in a JSON patch is 10000, got 10001"):
        json_patch({}, [op("test", "/x")] * (MAX_OPERATIONS + 1))
    doubling = [op("add", "/a", value="x" * (MAX_COPIED_BYTES // 8))]
    doubling += [op("copy", f"/{number}", **{"from": "/a"}) for number in range(9)]
    with pytest.raises(TooLarge, match="copy more than"):
        json_patch({}, doubling)


def test_json_patch_cannot_nest_without_end() -> None:
    wrapped = [op("add", "/a", value={})] + [op("copy", "/a/a", **{"from": ""})] * 150
    with pytest.raises(BadRequest, match="nested deeper"):
        json_patch({}, wrapped)


MERGES = {
    # The examples of RFC 7386, appendix A, that are objects.
    "replace": ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    "add": ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    "remove": ({"a": "b"}, {"a": None}, {}),
    "remove one": ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    "a list for a string": ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    "a string for a list": ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    "inside": ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    "lists are replaced": ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    "null of what is not there": ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    "an object for a string": ({"a": "x"}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    "nulls in lists stay": ({}, {"a": [None]}, {"a": [None]}),
}


@pytest.mark.parametrize(("original", "patch", "expected"), MERGES.values(), ids=MERGES)
def test_merge_patch(original: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy([original, patch])
    assert merge_patch(original, patch) == expected
    assert [original, patch] == before


@pytest.mark.parametrize("patch", [[], "x", None, 1])
def test_merge_patch_must_be_an_object(patch: Any) -> None:
    with pytest.raises(BadRequest):
        merge_patch({}, patch)


KEYS = st.sampled_from(["a", "b", "c", "0", "-"])
VALUES = st.recursive(
    st.booleans() | st.integers(-2, 2) | st.text("xy", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(original=OBJECTS, target=OBJECTS)
@settings(max_examples=200, deadline=None)
def test_a_difference_makes_the_target(original: dict[str, Any], target: dict[str, Any]) -> None:
    patched = merge_patch(original, merge_difference(original, target))
    assert equal(patched, target)
    assert equal(merge_patch(patched, merge_difference(original, target)), target)


PATHS = st.lists(KEYS | st.sampled_from(["1", "~0", "~1"]), max_size=3).map(
    lambda parts: "".join(f"/{p}" for p in parts)
)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": PATHS},
    optional={"from": PATHS, "value": VALUES},
)


@given(original=OBJECTS, operations=st.lists(OPERATIONS, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_operations_are_carried_out_or_refused(
    original: dict[str, Any], operations: list[dict[str, Any]]
) -> None:
    before = copy([original, operations])
    with suppress(BadRequest, Invalid):
        assert isinstance(json_patch(original, operations), dict)
    assert equal([original, operations], before)
