"""Uids are UUIDs as the standard has them, and nobody else's."""

import uuid

import pytest

from knarr.clock import Ids, RandomIds, SeededIds


@pytest.mark.parametrize("ids", [RandomIds(), SeededIds(1)])
def test_uids_are_random_uuids(ids: Ids) -> None:
    made = [ids.uid() for _ in range(1_000)]
    assert len(set(made)) == len(made)
    for uid in made:
        parsed = uuid.UUID(uid)
        assert str(parsed) == uid
        assert (parsed.version, parsed.variant) == (4, uuid.RFC_4122)


def test_seeded_uids_are_the_same_again() -> None:
    assert SeededIds(7).uid() == SeededIds(7).uid() != SeededIds(8).uid()
