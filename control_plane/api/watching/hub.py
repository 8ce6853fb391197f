"""One ring for each kind, fed by the cache, and the news that there is something in it."""

import asyncio
from collections.abc import Callable, Sequence

from control_plane.api.settings import ApiSettings
from control_plane.api.watching.ring import Ring
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordChange
from knarr.api.kinds import Kind


class Feed:
    """The ring of one kind. All its watchers wait for the same news."""

    def __init__(self, objects: CachedObjects, kind: Kind, settings: ApiSettings) -> None:
        self.ring = Ring(settings.watch_history, settings.watch_history_bytes)
        self.watchers = 0
        self._objects = objects
        self._kind = kind
        self._news = asyncio.Event()  # set once, when something comes, and then replaced
        self._begun = False

    def start(self) -> Callable[[], None]:
        """Follow the cache; returns what ends that."""
        version = self._objects.version(self._kind)
        if version:
            self._begin(version)
        return self._objects.subscribe_records(self._kind, self._take)

    @property
    def floor(self) -> int:
        """All changes after it are known here."""
        return self.ring.floor if self._begun else self._objects.version(self._kind)

    def _begin(self, version: int) -> None:
        self.ring.begin(version)
        self._begun = True

    def _take(self, changes: Sequence[RecordChange]) -> None:
        if not self._begun:
            version = self._objects.version(self._kind)
            if not version:
                return  # the first list is being read
            self._begin(version)
        # A subscription begins with what exists: that is no news.
        newer = [change for change in changes if change.version > self.ring.floor]
        if newer:
            self.ring.push(newer)
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, place: int, timeout_s: float) -> bool:
        """Wait until there is a change at a place; False when there was none within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.ring.end <= place:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True


class Hub:
    """The rings of all kinds."""

    def __init__(self, objects: CachedObjects, kinds: Sequence[Kind], settings: ApiSettings) -> None:
        self._feeds = {kind.name: Feed(objects, kind, settings) for kind in kinds}

    def feed(self, kind: Kind) -> Feed:
        return self._feeds[kind.name]

    def start(self) -> Callable[[], None]:
        """Follow the cache; returns what ends that."""
        ends = [feed.start() for feed in self._feeds.values()]

        def end() -> None:
            for each in ends:
                each()

        return end
