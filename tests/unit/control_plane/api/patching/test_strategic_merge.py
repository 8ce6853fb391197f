"""Strategic merge patch: each directive, the order of lists, what is refused."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import strategic_merge
from control_plane.api.patching.documents import copy
from knarr.errors import BadRequest
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

POD: dict[str, Any] = {
    "metadata": {"labels": {"a": "1"}, "finalizers": ["x/a", "x/b"]},
    "spec": {
        "nodeSelector": {"a": "1", "b": "2"},
        "containers": [
            {"name": "main", "image": "m:1", "args": ["a"], "env": [{"name": "A", "value": "1"}]},
            {"name": "side", "image": "s:1"},
        ],
        "tolerations": [{"key": "t"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}


def spec(**changes: Any) -> dict[str, Any]:
    """POD with other fields of spec; None takes one away."""
    changed = {**POD["spec"], **changes}
    return {**POD, "spec": {key: value for key, value in changed.items() if value is not None}}


MAIN, SIDE = POD["spec"]["containers"]
NEW = {"name": "new", "image": "n:1"}

MERGES = {
    "nothing": ({}, POD),
    "a scalar is set": ({"spec": {"nodeName": "n"}}, spec(nodeName="n")),
    "null takes away": ({"spec": {"tolerations": None}}, spec(tolerations=None)),
    "null of what is not there": ({"spec": {"nodeName": None}}, POD),
    "nulls inside of a new object": (
        {"spec": {"affinity": {"nodeAffinity": None}}},
        spec(affinity={}),
    ),
    "a map merges": (
        {"spec": {"nodeSelector": {"a": None, "c": "3"}}},
        spec(nodeSelector={"b": "2", "c": "3"}),
    ),
    "a map is replaced": (
        {"spec": {"nodeSelector": {"$patch": "replace", "c": "3"}}},
        spec(nodeSelector={"c": "3"}),
    ),
    "a map is emptied": ({"spec": {"nodeSelector": {"$patch": "delete"}}}, spec(nodeSelector={})),
    "an explicit merge": (
        {"spec": {"nodeSelector": {"$patch": "merge", "a": "9"}}},
        spec(nodeSelector={"a": "9", "b": "2"}),
    ),
    "a list without a key is replaced": (
        {"spec": {"tolerations": [{"key": "u"}]}},
        spec(tolerations=[{"key": "u"}]),
    ),
    "directives in a list without a key are no fields": (
        {"spec": {"tolerations": [{"key": "t", "$patch": "delete"}]}},
        spec(tolerations=[{"key": "t"}]),
    ),
    "a list of scalars merges": (
        {"metadata": {"finalizers": ["x/b", "x/c"]}},
        {**POD, "metadata": {**POD["metadata"], "finalizers": ["x/a", "x/b", "x/c"]}},
    ),
    "a list of scalars loses elements": (
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x/a", "x/z"]}},
        {**POD, "metadata": {**POD["metadata"], "finalizers": ["x/b"]}},
    ),
    "an element merges, at its place": (
        {"spec": {"containers": [{"name": "side", "image": "s:2"}]}},
        spec(containers=[MAIN, {"name": "side", "image": "s:2"}]),
    ),
    "a new element comes before what the patch does not name": (
        {"spec": {"containers": [NEW]}},
        spec(containers=[NEW, MAIN, SIDE]),
    ),
    "an element goes": (
        {"spec": {"containers": [{"name": "main", "$patch": "delete"}]}},
        spec(containers=[SIDE]),
    ),
    "an element goes that is not there": (
        {"spec": {"containers": [{"name": "zz", "$patch": "delete"}]}},
        POD,
    ),
    "a keyed list is replaced": (
        {"spec": {"containers": [{"$patch": "replace"}, NEW]}},
        spec(containers=[NEW]),
    ),
    "the order is set": (
        {"spec": {"$setElementOrder/containers": [{"name": "side"}, {"name": "main"}]}},
        spec(containers=[SIDE, MAIN]),
    ),
    "the order is set, with changes": (
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "side"}, {"name": "new"}],
                "containers": [NEW, {"name": "main", "$patch": "delete"}],
            }
        },
        spec(containers=[SIDE, NEW]),
    ),
    "the order of scalars is set": (
        {"metadata": {"$setElementOrder/finalizers": ["x/b", "x/a"]}},
        {**POD, "metadata": {**POD["metadata"], "finalizers": ["x/b", "x/a"]}},
    ),
    "only some keys are kept": (
        {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {}}]}},
        spec(volumes=[{"name": "v", "secret": {}}]),
    ),
    "inside of an element": (
        {"spec": {"containers": [{"name": "main", "env": [{"name": "B", "value": "2"}]}]}},
        spec(
            containers=[
                {**MAIN, "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]},
                SIDE,
            ]
        ),
    ),
    "a directive in a new list leaves nothing behind": (
        {"spec": {"initContainers": [NEW, {"name": "x", "$patch": "delete"}]}},
        spec(initContainers=[NEW]),
    ),
    "unknown fields merge as JSON": ({"spec": {"bogus": {"a": [1], "b": None}}}, spec(bogus={"a": [1]})),
}


@pytest.mark.parametrize(("patch", "expected"), MERGES.values(), ids=MERGES)
def test_merges(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before, given_patch = copy(POD), copy(patch)
    assert strategic_merge(POD, patch, core.Pod) == expected
    assert (before, given_patch) == (POD, patch)


REFUSED = {
    "an element without its key": (
        {"spec": {"containers": [{"image": "x"}]}},
        "does not contain declared merge key: name",
    ),
    "an element to delete without its key": (
        {"spec": {"containers": [{"$patch": "delete"}]}},
        "does not contain declared merge key: name",
    ),
    "an unknown directive": ({"spec": {"nodeSelector": {"$patch": "x"}}}, "unknown patch type: x"),
    "an unknown directive of an element": (
        {"spec": {"containers": [{"name": "main", "$patch": "merge"}]}},
        "unknown patch type: merge",
    ),
    "an order that disagrees": (
        {"spec": {"$setElementOrder/containers": [{"name": "side"}], "containers": [NEW]}},
        "doesn't match the $setElementOrder list",
    ),
    "an order without keys": (
        {"spec": {"$setElementOrder/containers": [{"image": "x"}]}},
        "does not contain declared merge key: name",
    ),
    "a key set but not retained": (
        {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name"], "secret": {}}]}},
        "invalid patch format of $retainKeys",
    ),
    "keys to retain that are no list": ({"spec": {"$retainKeys": 1}}, "invalid patch format of $retainKeys"),
    "an order that is no list": (
        {"spec": {"$setElementOrder/containers": {}}},
        "invalid patch format of $setElementOrder/containers",
    ),
    "elements that are no objects": ({"spec": {"containers": ["x"]}}, "all elements must be objects"),
    "a list": ([], "must be a JSON object, got a list"),
    "a string": ("x", "must be a JSON object, got a string"),
}


@pytest.mark.parametrize(("patch", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(patch: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        strategic_merge(POD, patch, core.Pod)
    assert message in caught.value.message


def test_too_deep() -> None:
    patch: dict[str, Any] = {}
    for _ in range(5_000):
        patch = {"a": patch}
    with pytest.raises(BadRequest, match="nested deeper"):
        strategic_merge({}, patch, core.Pod)


KEYS = st.sampled_from(["spec", "template", "containers", "env", "metadata", "finalizers", "name"]) | (
    st.sampled_from(["volumes", "args", "$patch", "$retainKeys", "$setElementOrder/containers"])
    | st.just("$deleteFromPrimitiveList/finalizers")
)
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["replace", "delete", "a", ""])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=4)


@given(original=OBJECTS, patch=OBJECTS)
@settings(max_examples=200, deadline=None)
def test_arbitrary_json_is_merged_or_refused(original: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy([original, patch])
    with suppress(BadRequest):
        strategic_merge(original, patch, apps.Deployment)
    assert [original, patch] == before


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@given(old=NAMES, new=NAMES, images=st.lists(st.sampled_from("xyz"), min_size=10, max_size=10))
@settings(max_examples=100, deadline=None)
def test_a_keyed_difference_makes_the_target(old: list[str], new: list[str], images: list[str]) -> None:
    """The patch that kubectl would send: changed and deleted elements, and the order of all that stay."""
    before = [{"name": name, "image": images[index]} for index, name in enumerate(old)]
    target = [{"name": name, "image": images[5 + index]} for index, name in enumerate(new)]
    gone: list[dict[str, Any]] = [{"name": name, "$patch": "delete"} for name in old if name not in new]
    patch = {
        "spec": {
            "containers": [item for item in target if item not in before] + gone,
            "$setElementOrder/containers": [{"name": name} for name in new],
        }
    }
    patched = strategic_merge({"spec": {"containers": before}}, patch, core.Pod)
    assert patched == {"spec": {"containers": target}}
