"""The recent changes of one kind, and the watchers that follow them.

The history lets a watch resume; a watcher that does not take its changes in time is cut off rather than
remembered for.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.api.settings import ApiSettings
from control_plane.objects.records import RecordChange


@dataclass(frozen=True, slots=True)
class Fallen:
    """The watcher was too slow; the watch ends."""


class Follower:
    """One watcher's queue of changes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._changes: deque[RecordChange] = deque()
        self._waiting = asyncio.Event()
        self._fallen = False

    def push(self, changes: Sequence[RecordChange]) -> None:
        if len(self._changes) + len(changes) > self._limit:
            self._fallen = True
            self._changes.clear()
        if not self._fallen:
            self._changes.extend(changes)
        self._waiting.set()

    async def take(self, most: int) -> list[RecordChange] | None:
        """The next changes, at least one; None: this watcher fell behind."""
        while not self._changes and not self._fallen:
            self._waiting.clear()
            await self._waiting.wait()
        if self._fallen:
            return None
        return [self._changes.popleft() for _ in range(min(most, len(self._changes)))]


class History:
    """The last changes of one kind, in order of version."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._changes: deque[RecordChange] = deque()
        self._bytes = 0
        self._floor: int | None = None  # changes above it are all here
        self._followers: set[Follower] = set()

    def begin(self, version: int) -> None:
        """Changes after `version` will follow; those before are not known."""
        self._changes.clear()
        self._bytes = 0
        self._floor = version

    def push(self, changes: Sequence[RecordChange]) -> None:
        """Take changes from the cache."""
        for change in changes:
            self._changes.append(change)
            self._bytes += _size(change)
        while self._changes and (
            len(self._changes) > self._settings.watch_history
            or self._bytes > self._settings.watch_history_bytes
        ):
            forgotten = self._changes.popleft()
            self._bytes -= _size(forgotten)
            self._floor = forgotten.version
        for follower in self._followers:
            follower.push(changes)

    def covers(self, version: int) -> bool:
        """Whether all changes after `version` are known."""
        return self._floor is not None and version >= self._floor

    def follow(self, version: int) -> Follower:
        """A follower with the known changes after `version` in its queue already."""
        follower = Follower(self._settings.watch_history)
        missed = [change for change in self._changes if change.version > version]
        if missed:
            follower.push(missed)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    @property
    def followers(self) -> int:
        return len(self._followers)


def _size(change: RecordChange) -> int:
    """Bytes that remembering the change keeps alive."""
    current, previous = change.current, change.previous
    return (len(current.value) if current else 0) + (len(previous.value) if previous else 0)
