"""Whose request is next: shares are equal, who was idle does not wait for who was not, and all is bounded."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from control_plane.server.flow.queue import FairQueue, Waiting

CALLERS = ("a", "b", "c")


def full(at_once: int = 1, waiting: int = 1_000, waiting_each: int = 1_000) -> FairQueue[str]:
    """A queue of which all places are taken by somebody else."""
    queue: FairQueue[str] = FairQueue(at_once, waiting, waiting_each)
    for _ in range(at_once):
        assert queue.enter("before", 1)
    return queue


def served(queue: FairQueue[str], count: int) -> list[str]:
    """The next items, one after another."""
    items = []
    for _ in range(count):
        queue.leave(1)
        found = queue.next()
        assert found is not None
        items.append(found[0])
    return items


def test_nobody_waits_while_there_is_room() -> None:
    queue: FairQueue[str] = FairQueue(2, 10, 10)
    assert [queue.enter("a", 1) for _ in range(3)] == [True, True, False]


def test_one_request_of_an_idle_caller_is_next_however_many_another_has() -> None:
    queue = full()
    for number in range(100):
        queue.wait("flood", 1, f"flood-{number}")
    assert served(queue, 10) == [f"flood-{number}" for number in range(10)]
    queue.wait("small", 1, "small")
    assert "small" in served(queue, 2)


def test_callers_take_turns() -> None:
    queue = full()
    for name in ("a", "b"):
        for number in range(3):
            queue.wait(name, 1, f"{name}{number}")
    assert served(queue, 6) == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_caller_of_large_requests_has_fewer_of_them() -> None:
    queue = full(at_once=4)
    for number in range(40):
        queue.wait("large", 10, f"l{number}")
        queue.wait("small", 1, f"s{number}")
    count = Counter(item[0] for item in served(queue, 22))
    assert count == {"s": 20, "l": 2}


def test_a_large_request_leaves_places_for_others() -> None:
    queue: FairQueue[str] = FairQueue(8, 10, 10)
    assert queue.enter("batch", 1_000)
    assert queue.serving == 2
    assert queue.enter("small", 1)
    queue.leave(1_000)
    queue.leave(1)
    assert queue.serving == 0


def test_a_caller_may_have_so_many_waiting_and_no_more() -> None:
    queue = full(waiting_each=2)
    places = [queue.wait("a", 1, str(number))[0] for number in range(3)]
    assert [place is not None for place in places] == [True, True, False]
    assert queue.wait("b", 1, "b")[0] is not None


def test_where_all_places_are_taken_the_greediest_gives_one_up() -> None:
    queue = full(waiting=3)
    for number in range(3):
        queue.wait("flood", 1, f"flood-{number}")
    place, gone = queue.wait("small", 1, "small")
    assert place is not None
    assert gone == "flood-2"
    assert queue.wait("flood", 1, "more") == (None, None)
    assert served(queue, 3) == ["flood-0", "small", "flood-1"]


def test_who_has_given_up_is_passed_over() -> None:
    queue = full()
    place, _ = queue.wait("a", 1, "first")
    queue.wait("a", 1, "second")
    assert place is not None
    queue.forget(place)
    queue.forget(place)
    assert queue.waiting == 1
    assert served(queue, 1) == ["second"]


@given(st.lists(st.sampled_from(CALLERS), min_size=1, max_size=60))
def test_between_busy_callers_no_two_shares_differ_by_more_than_one(order: list[str]) -> None:
    queue = full()
    for number, caller in enumerate(order):
        queue.wait(caller, 1, f"{caller}{number}")
    left, taken = Counter(order), Counter[str]()
    for item in served(queue, len(order)):
        taken[item[0]] += 1
        left[item[0]] -= 1
        busy = [taken[caller] for caller in left if left[caller]]
        assert not busy or max(busy) - min(busy) <= 1


class AllBounds(RuleBasedStateMachine):
    """Whatever comes and goes, what the queue counts is what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue(8, 6, 4)
        self.places: dict[int, Waiting[int]] = {}
        self.serving: list[int] = []
        self.number = 0

    @rule(caller=st.sampled_from(CALLERS), cost=st.integers(1, 20))
    def come(self, caller: str, cost: int) -> None:
        if self.queue.enter(caller, cost):
            self.serving.append(cost)
            return
        self.number += 1
        place, gone = self.queue.wait(caller, cost, self.number)
        if gone is not None:
            del self.places[gone]
        if place is not None:
            self.places[self.number] = place

    @rule()
    def go_on(self) -> None:
        if self.serving:
            self.queue.leave(self.serving.pop())
        while (found := self.queue.next()) is not None:
            item, cost = found
            assert self.places.pop(item).cost == cost
            self.serving.append(cost)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if self.places:
            number = data.draw(st.sampled_from(sorted(self.places)))
            self.queue.forget(self.places.pop(number))

    @invariant()
    def counts_are_true(self) -> None:
        assert self.queue.waiting == len(self.places) <= 6
        assert self.queue.serving == sum(min(cost, 2) for cost in self.serving) <= 9
        assert all(place.item == number for number, place in self.places.items())


TestAllBounds = pytest.mark.timeout(60)(AllBounds.TestCase)
