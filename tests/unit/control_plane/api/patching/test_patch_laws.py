"""The patch of a difference makes the target: every type of patch, every kind, documents of the schema."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patches import Patch, patched
from control_plane.api.patching.documents import copy
from knarr.api import codec
from knarr.api.kinds import KINDS, Kind
from knarr.proto.services import object_service_pb2 as wire
from tests.support.differences import json_difference, merge_difference, strategic_difference
from tests.support.variants import Document, document_and_variant

Difference = Callable[[Document, Document, Kind], Any]
PATCHES: dict[str, tuple["wire.PatchRequest.Type.ValueType", Difference]] = {
    "strategic": (wire.PatchRequest.STRATEGIC, lambda a, b, kind: strategic_difference(a, b, kind.message)),
    "merge": (wire.PatchRequest.MERGE, lambda a, b, kind: merge_difference(a, b)),
    "json": (wire.PatchRequest.JSON, lambda a, b, kind: json_difference(a, b)),
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("name", PATCHES)
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_patch_of_a_difference_makes_the_target(name: str, kind: Kind, seed: int) -> None:
    one, other = document_and_variant(kind, random.Random(seed))
    current, target = (codec.from_dict(value, kind.message) for value in (one, other))
    type_, difference = PATCHES[name]
    patch = difference(stored(current, kind), stored(target, kind), kind)
    before = copy(patch)
    assert body(kind, current, patch, type_) == codec.to_dict(target)
    assert patch == before
    if name != "json":  # which tests what it replaces
        assert body(kind, target, patch, type_) == codec.to_dict(target)


def stored(obj: Any, kind: Kind) -> Document:
    """The object as patches see it."""
    return {"apiVersion": kind.api_version, "kind": kind.name, **codec.to_dict(obj)}


def body(kind: Kind, current: Any, patch: Any, type_: "wire.PatchRequest.Type.ValueType") -> Document:
    new, warnings = patched(kind, current, Patch(patch, type_))
    assert not warnings
    return codec.to_dict(new)
