"""What is set aside before a server serves is not looked through again, and is freed all the same."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from control_plane.collecting import YOUNG, settle


class Cached:
    """Something that can be seen to go."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_there_is_set_aside_and_freed_when_it_is_replaced() -> None:
    kept = [Cached() for _ in range(100)]
    gone = weakref.ref(kept[0])
    settle()
    assert gc.get_freeze_count() >= 100
    assert not any(each is kept[1] for each in gc.get_objects())
    assert gc.get_threshold()[0] == YOUNG
    kept[0] = Cached()
    assert gone() is None
