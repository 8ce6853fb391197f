"""Sets of fields: the laws of their algebra, the notation, what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import field_sets
from control_plane.api.patching.field_sets import EMPTY, FieldSet, FieldSetError

ELEMENTS = ["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"y"', "i:3"]
PATHS = st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3).map(tuple)
MODELS = st.frozensets(PATHS, max_size=8)  # a set of fields as what it is: a set of paths
Model = frozenset[tuple[str, ...]]


def built(model: Model) -> FieldSet:
    """The notation of a set of paths."""
    fields: FieldSet = {}
    for path in model:
        one: FieldSet = EMPTY
        for element in reversed(path):
            one = {element: one}
        fields = field_sets.union(fields, one)
    return fields


def members(fields: FieldSet, above: tuple[str, ...] = ()) -> Model:
    """The paths that a notation says."""
    found: set[tuple[str, ...]] = set()
    for key, below in fields.items():
        if key != field_sets.SELF:
            if field_sets.is_member(below):
                found.add((*above, key))
            found |= members(below, (*above, key))
    return frozenset(found)


def is_tidy(fields: FieldSet) -> bool:
    """Whether every path has its one notation: no empty dict stands for nothing."""
    return all(
        key == field_sets.SELF or (below != {".": {}} and is_tidy(below)) for key, below in fields.items()
    )


@given(left=MODELS, right=MODELS)
@settings(max_examples=300, deadline=None)
def test_the_algebra_is_that_of_sets_of_paths(left: Model, right: Model) -> None:
    a, b = built(left), built(right)
    before = json.dumps([a, b])
    results = {
        "union": (field_sets.union(a, b), left | right),
        "difference": (field_sets.difference(a, b), left - right),
        "intersection": (field_sets.intersection(a, b), left & right),
        "difference_below": (
            field_sets.difference_below(a, b),
            frozenset(path for path in left if not any(path[: len(top)] == top for top in right)),
        ),
    }
    for name, (ours, expected) in results.items():
        assert members(ours) == expected, name
        assert is_tidy(ours), name
    assert json.dumps([a, b]) == before


@given(model=MODELS)
@settings(max_examples=100, deadline=None)
def test_the_notation_survives(model: Model) -> None:
    fields = built(model)
    assert field_sets.decode(field_sets.encode(fields)) == fields
    assert len(list(field_sets.paths(fields))) == len(model)


@given(model=MODELS)
@settings(max_examples=50, deadline=None)
def test_nothing_to_do_gives_the_same_object(model: Model) -> None:
    fields = built(model)
    assert field_sets.union(fields, fields) is fields
    assert field_sets.difference(fields, EMPTY) is fields


def test_paths_are_shown_as_kubernetes_does() -> None:
    fields = field_sets.decode(
        b'{"f:metadata":{"f:finalizers":{".":{},"v:\\"x/a\\"":{}}},"f:spec":{"f:list":{"i:2":{}},'
        b'"f:ports":{"k:{\\"protocol\\":\\"TCP\\",\\"port\\":80}":{".":{},"f:name":{}}}}}'
    )
    assert list(field_sets.paths(fields)) == [
        ".metadata.finalizers",
        '.metadata.finalizers[="x/a"]',
        ".spec.list[2]",
        '.spec.ports[port=80,protocol="TCP"]',
        '.spec.ports[port=80,protocol="TCP"].name',
    ]


def test_key_fields_have_one_order() -> None:
    one = field_sets.decode(b'{"k:{\\"b\\":1,\\"a\\":2}":{}}')
    assert one == field_sets.decode(b'{"k:{\\"a\\": 2, \\"b\\": 1}":{}}')


@pytest.mark.parametrize(
    "raw",
    [
        b"x",
        b"[]",
        b'{"a":{}}',
        b'{"f:a":1}',
        b'{"k:x":{}}',
        b'{"k:1":{}}',
        b'{"f:a":' * 500 + b"{}" + b"}" * 500,
    ],
)
def test_what_is_no_set_is_refused(raw: bytes) -> None:
    with pytest.raises(FieldSetError):
        field_sets.decode(raw)


def test_no_bytes_are_the_empty_set() -> None:
    assert field_sets.decode(b"") == {}


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from([*ELEMENTS, ".", "x", "k:{", 'v:{"a":[]}']), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_arbitrary_json_is_read_or_refused(value: Any) -> None:
    try:
        fields = field_sets.decode(json.dumps(value).encode())
    except FieldSetError:
        return
    assert field_sets.decode(field_sets.encode(fields)) == fields
