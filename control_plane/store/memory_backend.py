"""What several MemoryStores share: the data, its history and its leases, as one etcd would hold them.

Synchronous and deterministic: no tasks, threads, clock or randomness; the end of a lease is a timer of the
running loop, so that a loop with virtual time works. It must not do more than etcd would.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from control_plane.store.interface import (
    EMPTY,
    MAX_BATCH,
    POSITIONS,
    Change,
    CompactedError,
    Failed,
    FutureVersionError,
    Outcome,
    Page,
    Record,
    Refused,
    Write,
    Written,
)
from control_plane.store.lease import LeaseEndedError

FIRST_REVISION = 1  # of an empty store, as etcd's


@dataclass(frozen=True, slots=True)
class _Event:
    """A change and what a list of the past needs to undo it."""

    change: Change
    previous: Record | None


@dataclass(slots=True)
class _Grant:
    ttl_s: float
    timer: asyncio.TimerHandle
    keys: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Listener:
    """One watch: what it waits for and how far it has come."""

    prefix: str
    version: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # set while there may be changes for it


class MemoryBackend:
    """Keys, the changes that led to them (the newest `history` revisions), and leases."""

    def __init__(self, history: int = 100_000) -> None:
        self._history = history
        self._records: dict[str, Record] = {}
        self._keys: list[str] = []  # sorted
        self._leases: dict[int, _Grant] = {}
        self._lease_of: dict[str, int] = {}
        self._last_lease = 0
        self._log: list[tuple[_Event, ...]] = []  # revision r stands at r - self._oldest
        self._oldest = FIRST_REVISION + 1
        self._listeners: list[Listener] = []

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self._oldest + len(self._log) - 1

    @property
    def oldest_version(self) -> int:
        """The lowest version that can still be listed or watched from."""
        return (self._oldest - 1) * POSITIONS + POSITIONS - 1

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def page(self, prefix: str, limit: int, after: str, version: int) -> Page:
        """Raises CompactedError, and FutureVersionError."""
        revision = version // POSITIONS if version else self.revision
        if revision > self.revision:
            raise FutureVersionError(f"version {version} is of the future")
        if revision < self._oldest - 1:
            raise CompactedError(version, self.oldest_version)
        keys, records = self._keys, self._records
        if revision < self.revision:
            records = self._at(revision)
            keys = sorted(records)
        start = bisect_right(keys, after) if after > prefix else bisect_left(keys, prefix)
        end = bisect_left(keys, prefix[:-1] + chr(ord(prefix[-1]) + 1))
        stop = min(end, start + limit) if limit else end
        found = tuple(records[key] for key in keys[start:stop])
        remaining = max(0, end - stop)
        return Page(found, revision * POSITIONS + POSITIONS - 1, remaining > 0, remaining)

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """Each on its own, in order; those of one revision have different keys and are at most MAX_BATCH."""
        outcomes: list[Outcome] = []
        batch: list[_Event] = []
        keys: set[str] = set()
        for write in writes:
            if write.key in keys or len(batch) == MAX_BATCH or write.also:
                self._commit(batch)
                batch, keys = [], set()
            if write.also:
                outcomes.append(self._write_together((write, *write.also)))
                continue
            keys.add(write.key)
            outcomes.append(self._write_one(write, batch))
        self._commit(batch)
        return outcomes

    def changes(self, listener: Listener, most: int) -> list[Change]:
        """Changes after the listener's version, whole revisions, none begun once `most` is reached; it is
        moved to the end of them. Raises CompactedError."""
        version = listener.version
        revision, position = divmod(version, POSITIONS)
        start = revision + 1 if position == POSITIONS - 1 else revision
        if start < self._oldest and start <= self.revision:
            raise CompactedError(version, self.oldest_version)
        found: list[Change] = []
        while start <= self.revision and len(found) < most:
            for event in self._log[start - self._oldest]:
                if event.change.key.startswith(listener.prefix) and event.change.version > version:
                    found.append(event.change)
            listener.version = start * POSITIONS + POSITIONS - 1
            start += 1
        if start > self.revision:
            listener.wake.clear()
        return found

    def compact(self, version: int) -> None:
        """Forget revisions before that of `version`; its own stays whole."""
        drop = min(version // POSITIONS, self.revision) - self._oldest
        if drop > 0:
            del self._log[:drop]
            self._oldest += drop

    def listen(self, prefix: str, version: int) -> Listener:
        """A listener that is woken after each commit that touches `prefix`, until it is given to `forget`."""
        listener = Listener(prefix, max(version, EMPTY))
        listener.wake.set()
        self._listeners.append(listener)
        return listener

    def forget(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def grant(self, ttl_s: float) -> int:
        """A new lease, which ends after `ttl_s` unless renewed."""
        self._last_lease += 1
        lease_id = self._last_lease
        self._leases[lease_id] = _Grant(ttl_s, self._timer(lease_id, ttl_s))
        return lease_id

    def renew(self, lease_id: int) -> None:
        """Raises LeaseEndedError."""
        grant = self._leases.get(lease_id)
        if grant is None:
            raise LeaseEndedError(f"lease {lease_id} has ended")
        grant.timer.cancel()
        grant.timer = self._timer(lease_id, grant.ttl_s)

    def revoke(self, lease_id: int) -> None:
        """End the lease and delete its keys; nothing happens when it has ended."""
        grant = self._leases.pop(lease_id, None)
        if grant is None:
            return
        grant.timer.cancel()
        self.write([Write(key, None, None) for key in sorted(grant.keys)])

    def _timer(self, lease_id: int, ttl_s: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(ttl_s, self.revoke, lease_id)

    def _write_together(self, writes: Sequence[Write]) -> Outcome:
        """All in one revision, or none."""
        stored = [self._records.get(write.key) for write in writes]
        for write, record in zip(writes, stored, strict=True):
            if (record.version if record else 0) // POSITIONS != (write.expected or 0) // POSITIONS:
                return Refused(stored[0], tuple(stored[1:]))
        batch: list[_Event] = []
        versions: list[int] = []
        for write in writes:
            outcome = self._write_one(write, batch)
            if not isinstance(outcome, Written):
                raise AssertionError("the comparison held")
            versions.append(outcome.version)
        self._commit(batch)
        return Written(versions[0], tuple(versions[1:]))

    def _write_one(self, write: Write, batch: list[_Event]) -> Outcome:
        current = self._records.get(write.key)
        if write.expected is not None:
            stored = current.version // POSITIONS if current else 0
            if stored != write.expected // POSITIONS:
                return Refused(current)
        if write.lease and write.value is not None and write.lease not in self._leases:
            return Failed(LeaseEndedError(f"lease {write.lease} has ended"))
        version = (self.revision + 1) * POSITIONS + len(batch)
        if write.value is None and current is None:
            return Written(self.revision * POSITIONS + POSITIONS - 1)
        batch.append(
            _Event(Change(write.key, write.value, version, current.value if current else None), current)
        )
        self._put(write, version)
        return Written(version)

    def _put(self, write: Write, version: int) -> None:
        key = write.key
        if write.value is None:
            del self._records[key]
            del self._keys[bisect_left(self._keys, key)]
        else:
            if key not in self._records:
                insort(self._keys, key)
            self._records[key] = Record(key, write.value, version)
        held_by = self._lease_of.pop(key, 0)
        if held_by in self._leases:
            self._leases[held_by].keys.discard(key)
        if write.lease and write.value is not None:
            self._lease_of[key] = write.lease
            self._leases[write.lease].keys.add(key)

    def _commit(self, batch: list[_Event]) -> None:
        if not batch:
            return
        self._log.append(tuple(batch))
        excess = len(self._log) - self._history
        if excess > self._history // 10:
            del self._log[:excess]
            self._oldest += excess
        for listener in self._listeners:
            if any(event.change.key.startswith(listener.prefix) for event in batch):
                listener.wake.set()
            elif not listener.wake.is_set():  # it has seen all before, so no compaction can harm it
                listener.version = self.revision * POSITIONS + POSITIONS - 1

    def _at(self, revision: int) -> dict[str, Record]:
        """All records as they were at an older revision: the newer changes undone."""
        records = dict(self._records)
        for event in self._newest_first(revision):
            if event.previous is None:
                records.pop(event.change.key, None)
            else:
                records[event.change.key] = event.previous
        return records

    def _newest_first(self, revision: int) -> Iterator[_Event]:
        for events in reversed(self._log[revision + 1 - self._oldest :]):
            yield from reversed(events)
