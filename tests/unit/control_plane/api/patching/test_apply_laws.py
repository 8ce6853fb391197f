"""What holds of server-side apply for every kind, with documents made from the schema."""

import random
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.patching import apply, field_sets
from control_plane.api.patching.schema import object_type
from knarr.api import codec
from knarr.api.kinds import KINDS, Kind
from tests.support.halves import Document, document_of, halves, named, unordered

SEEDS = st.integers(0, 2**32 - 1)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def applied(
    live: Message | None, document: Document, manager: str, kind: Kind, now: float = 100.0
) -> Message:
    """One apply that meets no conflict."""
    return apply(live, document, kind, manager=manager, force=False, now=now)


def body(obj: Message, kind: Kind) -> Any:
    """The object without its owners, lists whose order nobody owns in one order."""
    value = codec.to_dict(obj)
    value["metadata"].pop("managedFields", None)
    return unordered(value, object_type(kind.message.DESCRIPTOR))


def owners(obj: Message) -> dict[str, list[str]]:
    entries = codec.to_dict(obj)["metadata"].get("managedFields", [])
    return {entry["manager"]: list(field_sets.paths(entry["fieldsV1"])) for entry in entries}


def made(seed: int, kind: Kind) -> tuple[Document, Document, Document]:
    """A document and its halves."""
    rng = random.Random(seed)
    document = document_of(kind, rng, full=rng.random() < 0.5)
    return document, *halves(document, kind, rng)


@every_kind
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_apply_twice_is_apply_once(kind: Kind, seed: int) -> None:
    document, mine, _ = made(seed, kind)
    live = applied(applied(None, mine, "alpha", kind), document, "beta", kind)
    assert applied(live, document, "beta", kind, now=200.0) == live
    assert applied(live, mine, "alpha", kind, now=200.0) == live


@every_kind
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_managers_of_disjoint_fields_commute(kind: Kind, seed: int) -> None:
    document, mine, yours = made(seed, kind)
    one = applied(applied(None, mine, "alpha", kind), yours, "beta", kind)
    other = applied(applied(None, yours, "beta", kind), mine, "alpha", kind)
    assert body(one, kind) == body(other, kind) == body(applied(None, document, "alpha", kind), kind)
    assert owners(one) == owners(other)


@every_kind
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_who_leaves_takes_away_what_was_theirs_alone(kind: Kind, seed: int) -> None:
    _, mine, yours = made(seed, kind)
    alone = applied(None, mine, "alpha", kind)
    both = applied(alone, yours, "beta", kind)
    left = applied(both, named({}, kind), "beta", kind)
    assert body(left, kind) == body(alone, kind)
    assert owners(left) == owners(alone)
