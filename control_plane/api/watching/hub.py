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
        """Wake all who wait now."""
        if self._waiting and not self._due:
            asyncio.get_running_loop().call_soon(self._wake)
        self._due = len(self._waiting)

    def _wake(self) -> None:
        """Some of those who are due; the next ones after others have run."""
        for _ in range(min(self._due, WOKEN, len(self._waiting))):
            waiter, _ = self._waiting.popitem(last=False)
            self._due -= 1
            if not waiter.done():
                waiter.set_result(None)
        self._due = min(self._due, len(self._waiting))
        if self._due:
            asyncio.get_running_loop().call_soon(self._wake)

    async def news(self, place: int, timeout_s: float) -> bool:
        """Wait until there is a change at a place; False when there was none within the time. What came just
        when time was up is news: a bookmark must never pass it by."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self.ring.end <= place:
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting[waiter] = None
            timer = loop.call_at(deadline, _end, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiting.pop(waiter, None)
            if loop.time() >= deadline:
                break
        return self.ring.end > place


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
