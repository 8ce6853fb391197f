"""MemoryStore: the Store for tests and simulation, deterministic, with faults on demand.

Several MemoryStores on one MemoryBackend are several processes on one etcd: each has its own leases, watches
and faults. It keeps to asyncio's time and nothing else; the contract suite holds it to what EtcdStore does.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from enum import Enum
from typing import Protocol

from control_plane.store.interface import (
    AmbiguousError,
    Change,
    Failed,
    Outcome,
    Page,
    Record,
    StoreError,
    UnavailableError,
    Write,
)
from control_plane.store.lease import RenewedLease
from control_plane.store.memory_backend import Listener, MemoryBackend

WATCH_BATCH = 1000  # changes handed on at once, or one revision when that is more
WATCH_RETRY_S = 0.05  # after a delivery that a fault held up


class Operation(Enum):
    """What is about to be done, for Faults."""

    GET = "get"
    LIST = "list"
    WRITE = "write"
    WATCH = "watch"  # one delivery
    LEASE = "lease"
    RENEW = "renew"
    COMPACT = "compact"


class Faults(Protocol):
    """Disturbs a MemoryStore."""

    async def before(self, operation: Operation, subject: str) -> None:
        """May wait, or raise UnavailableError; for WRITE also AmbiguousError, having done nothing.
        `subject`: the key or prefix. What is raised for WATCH makes the watch ask again, for ever."""
        ...

    def after_write(self, subject: str) -> None:
        """May raise AmbiguousError: the write was done and its writer does not learn it."""
        ...


class NoFaults:
    """Nothing goes wrong; each operation gives way to others once, as a call over a network would."""

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(0)

    def after_write(self, subject: str) -> None:
        return None


class MemoryStore:
    """A Store in this process."""

    def __init__(self, backend: MemoryBackend | None = None, faults: Faults | None = None) -> None:
        self.backend = backend or MemoryBackend()
        self.faults: Faults = faults or NoFaults()
        self._leases: list[RenewedLease] = []
        self._watches: set[Listener] = set()
        self._closed = False

    async def get(self, key: str) -> Record | None:
        await self._before(Operation.GET, key)
        return self.backend.get(key)

    async def list(self, prefix: str, *, limit: int = 0, after: str = "", version: int = 0) -> Page:
        await self._before(Operation.LIST, prefix)
        return self.backend.page(prefix, limit, after, version)

    async def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        if not writes:
            return []
        try:
            await self._before(Operation.WRITE, writes[0].key)
            outcomes = self.backend.write(writes)
            self.faults.after_write(writes[0].key)
        except (UnavailableError, AmbiguousError) as error:
            return [Failed(error)] * len(writes)
        return outcomes

    async def watch(self, prefix: str, version: int) -> AsyncGenerator[Sequence[Change], None]:
        listener = self.backend.listen(prefix, version)
        self._watches.add(listener)
        try:
            while not self._closed:
                before = listener.version
                changes = self.backend.changes(listener, WATCH_BATCH)
                if not changes:
                    await listener.wake.wait()
                elif await self._deliverable(prefix):
                    yield changes
                else:
                    listener.version = before
        finally:
            self.backend.forget(listener)
            self._watches.discard(listener)

    async def lease(self, ttl_s: float) -> RenewedLease:
        await self._before(Operation.LEASE, "")
        sent_at = asyncio.get_running_loop().time()
        lease_id = self.backend.grant(ttl_s)

        async def renew() -> None:
            await self._before(Operation.RENEW, "")
            self.backend.renew(lease_id)

        async def revoke() -> None:
            self.backend.revoke(lease_id)

        lease = RenewedLease(lease_id, ttl_s, sent_at, renew, revoke)
        self._leases = [*(old for old in self._leases if not old.ended), lease]
        return lease

    async def compact(self, version: int) -> None:
        await self._before(Operation.COMPACT, "")
        self.backend.compact(version)

    async def close(self) -> None:
        """End all watches, revoke all leases."""
        self._end_watches()
        for lease in self._leases:
            await lease.close()
        self._leases.clear()

    async def crash(self) -> None:
        """End as a killed process does: watches stop, leases are left to run out by their time."""
        self._end_watches()
        for lease in self._leases:
            await lease.abandon()
        self._leases.clear()

    def _end_watches(self) -> None:
        self._closed = True
        for listener in self._watches:
            listener.wake.set()

    async def _before(self, operation: Operation, subject: str) -> None:
        if self._closed:
            raise UnavailableError("the store was closed")
        await self.faults.before(operation, subject)

    async def _deliverable(self, prefix: str) -> bool:
        try:
            await self.faults.before(Operation.WATCH, prefix)
        except StoreError:
            await asyncio.sleep(WATCH_RETRY_S)
            return False
        return not self._closed
