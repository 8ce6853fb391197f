"""The recent changes of one kind, shared by all who watch it. Pure: no waiting, no asyncio.

A watcher has a place in the ring and no queue of its own, so a slow one costs no memory: when what it has yet
to read has been forgotten, it has lost its place. Each change is encoded once, however many watch.
"""

from bisect import bisect_right
from collections.abc import Sequence

from control_plane.api.messages import with_version
from control_plane.objects.records import CachedRecord, RecordChange


class Entry:
    """One change as watchers see it."""

    __slots__ = ("_current", "_previous", "change")

    def __init__(self, change: RecordChange) -> None:
        self.change = change
        self._current: bytes | None = None
        self._previous: bytes | None = None

    @property
    def version(self) -> int:
        return self.change.version

    @property
    def size(self) -> int:
        """Bytes that remembering the change keeps alive."""
        current, previous = self.change.current, self.change.previous
        return (len(current.value) if current else 0) + (len(previous.value) if previous else 0)

    def current(self, record: CachedRecord) -> bytes:
        """The object after the change, with its version."""
        if self._current is None:
            self._current = with_version(record.value, self.version)
        return self._current

    def previous(self, record: CachedRecord) -> bytes:
        """The object before the change, with the version of the change, as the end of it is told."""
        if self._previous is None:
            self._previous = with_version(record.value, self.version)
        return self._previous


class Ring:
    """The newest changes, in order of version. Places count changes from the first one ever."""

    def __init__(self, longest: int, most_bytes: int) -> None:
        self._longest = longest
        self._most_bytes = most_bytes
        self._entries: list[Entry] = []
        self._first = 0  # the place of the first entry kept
        self._bytes = 0
        self.floor = 0  # all changes after this version are, or have been, here
        self.newest = 0  # the version of the newest change, or the floor

    @property
    def end(self) -> int:
        """The place after the newest change."""
        return self._first + len(self._entries)

    def begin(self, floor: int) -> None:
        """Changes after `floor` will follow; those before are not known, and all places are lost."""
        self._first = self.end + 1
        self._entries, self._bytes = [], 0
        self.floor = self.newest = floor

    def push(self, changes: Sequence[RecordChange]) -> None:
        """Take changes; forget the oldest, in pieces that make it cheap."""
        for change in changes:
            entry = Entry(change)
            self._entries.append(entry)
            self._bytes += entry.size
            self.newest = max(self.newest, change.version)
        if len(self._entries) > self._longest or self._bytes > self._most_bytes:
            self._forget()

    def covers(self, version: int) -> bool:
        """Whether all changes after `version` are here."""
        return version >= self.floor

    def place_after(self, version: int) -> int:
        """The place of the first change after `version`, which must be covered."""
        return self._first + bisect_right(self._entries, version, key=lambda entry: entry.version)

    def read(self, place: int, most: int, most_bytes: int) -> Sequence[Entry] | None:
        """At most so many changes from a place on, and at most so many bytes of them, but one in any case;
        None when the place is lost."""
        start = place - self._first
        if start < 0:
            return None
        found = self._entries[start : start + most]
        left = most_bytes
        for number, entry in enumerate(found):
            left -= entry.size
            if left < 0 and number:
                return found[:number]
        return found

    def _forget(self) -> None:
        """Down to three quarters of each bound."""
        drop, size = 0, self._bytes
        while drop < len(self._entries) and (
            len(self._entries) - drop > self._longest * 3 // 4 or size > self._most_bytes * 3 // 4
        ):
            size -= self._entries[drop].size
            drop += 1
        if drop:
            self.floor = max(self.floor, self._entries[drop - 1].version)
            del self._entries[:drop]
            self._first += drop
            self._bytes = size
