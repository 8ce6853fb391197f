"""FairQueue: whose request is next. Pure: no waiting, no clock.

Start-time fair queueing: each request starts, in virtual time, when its caller's request before would have
ended, or now if the caller has been idle; the earliest start is next. So callers share what there is equally,
by the costs of their requests, and one that was idle never waits behind what another has piled up.
(Goyal, Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996.)
"""

import heapq
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_PRUNED_AT: Final = 1_024  # callers remembered before those without a debt are forgotten


class Waiting(Generic[T]):
    """A request that waits."""

    __slots__ = ("caller", "cost", "item", "number", "start")

    def __init__(self, start: float, number: int, caller: str, cost: int, item: T) -> None:
        self.start = start
        self.number = number
        self.caller = caller
        self.cost = cost
        self.item: T | None = item  # None: it no longer waits

    def __lt__(self, other: "Waiting[T]") -> bool:
        return (self.start, self.number) < (other.start, other.number)


class FairQueue(Generic[T]):
    """Requests of a cost each, so many of which are served at once; the others wait, up to a bound."""

    def __init__(self, at_once: int, waiting: int, waiting_each: int) -> None:
        """`at_once`: places of those that are served at a time. A request takes as many as it costs, but no
        more than a quarter of them, so that a large one does not stop all others. `waiting`: requests that
        wait, in all and of one caller."""
        self._at_once = at_once
        self._most_places = max(1, at_once // 4)
        self._most = waiting
        self._most_each = waiting_each
        self._now = 0.0  # virtual time: the start of what was served last
        self._ends: dict[str, float] = {}  # of each caller's newest request
        self._heap: list[Waiting[T]] = []
        self._by_caller: dict[str, list[Waiting[T]]] = {}  # that wait, in order
        self._number = 0
        self.waiting = 0
        self.serving = 0  # places taken

    def enter(self, caller: str, cost: int) -> bool:
        """Serve a request at once, if nothing waits and there is room."""
        if self.waiting or self.serving >= self._at_once:
            return False
        self._serve(self._begin(caller, cost), cost)
        return True

    def wait(self, caller: str, cost: int, item: T) -> tuple[Waiting[T] | None, T | None]:
        """Have a request wait: (its place, or None if the caller has too many; the item that had to go for
        it). When all places are taken, the newest request of who has most goes, the new one included."""
        own = self._by_caller.get(caller, ())
        if len(own) >= self._most_each:
            return None, None
        gone = None
        if self.waiting >= self._most:
            greediest = max(self._by_caller, key=lambda name: len(self._by_caller[name]))
            if len(self._by_caller[greediest]) <= len(own):
                return None, None
            victim = self._by_caller[greediest][-1]
            gone = victim.item
            self._ends[greediest] = victim.start  # what was never served costs nothing
            self.forget(victim)
        place = Waiting(self._begin(caller, cost), self._number, caller, cost, item)
        self._number += 1
        heapq.heappush(self._heap, place)
        self._by_caller.setdefault(caller, []).append(place)
        self.waiting += 1
        return place, gone

    def next(self) -> tuple[T, int] | None:
        """The request to be served now and its cost, if there is one and room for it."""
        while self._heap and self._heap[0].item is None:
            heapq.heappop(self._heap)
        if not self._heap or self.serving >= self._at_once:
            return None
        place = heapq.heappop(self._heap)
        item = place.item
        assert item is not None  # those that no longer wait were passed over above
        self.forget(place)
        self._serve(place.start, place.cost)
        return item, place.cost

    def leave(self, cost: int) -> None:
        """A request that was served has ended."""
        self.serving -= min(cost, self._most_places)

    def forget(self, place: Waiting[T]) -> None:
        """A request no longer waits."""
        if place.item is None:
            return
        place.item = None
        own = self._by_caller[place.caller]
        own.remove(place)
        if not own:
            del self._by_caller[place.caller]
        self.waiting -= 1

    def _begin(self, caller: str, cost: int) -> float:
        start = max(self._now, self._ends.get(caller, 0.0))
        self._ends[caller] = start + cost
        return start

    def _serve(self, start: float, cost: int) -> None:
        self._now = max(self._now, start)
        self.serving += min(cost, self._most_places)
        if len(self._ends) > _PRUNED_AT:
            self._ends = {caller: end for caller, end in self._ends.items() if end > self._now}
