"""One ring for each kind, fed by the cache, and the news that there is something in it."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from control_plane.api.settings import ApiSettings
from control_plane.api.watching.ring import Ring
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordChange
from knarr.api.kinds import Kind

# Watches woken before others run: each takes some hundred microseconds to hand on what there is.
WOKEN = 32
REST_S = 0.1  # the longest rest between two rounds of waking


class Feed:
    """The ring of one kind. All its watchers wait for the same news."""

    def __init__(self, objects: CachedObjects, kind: Kind, settings: ApiSettings) -> None:
        self.ring = Ring(settings.watch_history, settings.watch_history_bytes)
        self.watchers = 0
        self.dropped = 0  # watches that fell behind the ring
        self._objects = objects
        self._kind = kind
        # Who waits for news, longest first, and how many of them are yet to be woken.
        self._waiting: OrderedDict[asyncio.Future[None], None] = OrderedDict()
        self._due = 0
        self._busy = False  # a round of waking, or the rest after it
        self._told = False  # there is news since the round began
        self._round_began = 0.0
        self._batch = settings.watch_batch
        self._whole = asyncio.Event()  # the ring has all changes since its floor

    def start(self) -> Callable[[], None]:
        """Follow the cache; returns what ends that."""
        if self._objects.version(self._kind):
            self._gap(False)
        return self._objects.subscribe_records(self._kind, self._take, self._gap)

    @property
    def floor(self) -> float:
        """All changes after it are known here."""
        return self.ring.floor if self._whole.is_set() else math.inf

    async def whole(self) -> None:
        """Return once the cache has read all objects and is at one moment."""
        await self._whole.wait()

    def _gap(self, begins: bool) -> None:
        """Changes that the cache missed cannot be told: what it makes up for them, once it has found the
        difference, is neither in order nor with versions to resume from. All who watch must begin anew."""
        self.ring.begin(self._objects.version(self._kind))
        if begins:
            self._whole.clear()
        else:
            self._whole.set()
        self._tell()

    def _take(self, changes: Sequence[RecordChange]) -> None:
        if not self._whole.is_set():
            return
        # A subscription begins with what exists: that is no news.
        newer = [change for change in changes if change.version > self.ring.floor]
        if newer:
            self.ring.push(newer)
            self._tell()

    def _tell(self) -> None:
        """There is news: wake those who wait, now or in the next round."""
        self._told = True
        if not self._busy:
            self._begin_round()

    def _begin_round(self) -> None:
        self._busy = bool(self._waiting)
        self._told = False
        self._due = len(self._waiting)
        self._round_began = asyncio.get_running_loop().time()
        self._wake()

    def _wake(self) -> None:
        """Some of those who are due; the next ones after others have run. After the last one comes a rest as
        long as the round, in which more may come: a message costs much more than an event in it."""
        for _ in range(min(self._due, WOKEN, len(self._waiting))):
            waiter, _ = self._waiting.popitem(last=False)
            self._due -= 1
            if not waiter.done():
                waiter.set_result(None)
        self._due = min(self._due, len(self._waiting))
        if not self._busy:
            return
        loop = asyncio.get_running_loop()
        if self._due:
            loop.call_soon(self._wake)
        else:
            now = loop.time()
            loop.call_at(now + min(now - self._round_began, REST_S), self._rested)

    def _rested(self) -> None:
        self._busy = False
        if self._told:
            self._begin_round()

    async def news(self, place: int, timeout_s: float) -> bool:
        """Wait until there is a change at a place; False when there was none within the time. What came just
        when time was up is news: a bookmark must never pass it by."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not self._ready(place):
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting[waiter] = None
            timer = loop.call_at(deadline, _end, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiting.pop(waiter, None)
            if self.ring.end > place or loop.time() >= deadline:
                break
        return self.ring.end > place

    def _ready(self, place: int) -> bool:
        """Whether a watcher at a place goes on at once. One that is a whole batch behind does not rest."""
        behind = self.ring.end - place
        if behind <= 0:
            return False
        if not self._busy or behind >= self._batch:
            return True
        self._told = True  # the next round is for it
        return False


def _end(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class Hub:
    """The rings of all kinds."""

    def __init__(self, objects: CachedObjects, kinds: Sequence[Kind], settings: ApiSettings) -> None:
        self._kinds = tuple(kinds)
        self._feeds = {kind.name: Feed(objects, kind, settings) for kind in kinds}

    def feeds(self) -> Iterator[tuple[Kind, Feed]]:
        """Of all kinds."""
        return ((kind, self._feeds[kind.name]) for kind in self._kinds)

    def feed(self, kind: Kind) -> Feed:
        return self._feeds[kind.name]

    def start(self) -> Callable[[], None]:
        """Follow the cache; returns what ends that."""
        ends = [feed.start() for feed in self._feeds.values()]

        def end() -> None:
            for each in ends:
                each()

        return end
