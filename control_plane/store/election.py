"""Leader election: one key, attached to a lease of the one who holds it.

The key's value is the leader's identity. Whoever finds the key absent may take it; the others watch it. A
leader that cannot renew its lease knows so by its own clock before the store gives the key away (lease.py).
What a leader does must be safe all the same when it is late to stop: writes are compare-and-sets.
"""

import asyncio
import contextlib
import random

import structlog

from control_plane.store.interface import (
    ABSENT,
    CompactedError,
    Failed,
    Lease,
    Store,
    StoreError,
    UnavailableError,
    Write,
    Written,
)
from knarr.backoff import Backoff

PREFIX = "/knarr/elections/"
RETRY_S = 0.5

log = structlog.get_logger(__name__)


class Leadership:
    """Held from the moment it is returned by Election.campaign until `lost` returns or it is resigned."""

    def __init__(self, store: Store, key: str, identity: str, version: int, lease: Lease) -> None:
        self.version = version  # of the key: greater with each leader
        self._store = store
        self._key = key
        self._identity = identity
        self._lease = lease
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._guard(), name=f"leadership-{key}")

    @property
    def held(self) -> bool:
        """Whether it is certain that nobody else leads."""
        return not self._over.is_set() and not self._lease.ended

    async def lost(self) -> None:
        """Return once somebody else leads or may come to lead; at once after `resign`."""
        await self._over.wait()

    async def resign(self) -> None:
        """Stop leading; the next leader can take over at once."""
        self._over.set()
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._lease.close()

    async def _guard(self) -> None:
        """Notice the end of the lease, and a key that somebody deleted or took."""
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._taken(), name=f"leadership-watch-{self._key}")
                await self._lease.lost()
                watching.cancel()
        except* _TakenError:
            pass
        finally:
            if not self._over.is_set():
                log.warning("leadership_was_lost", election=self._key, identity=self._identity)
            self._over.set()

    async def _taken(self) -> None:
        while True:
            try:
                await _changed(self._store, self._key, self.version)
            except StoreError:
                await asyncio.sleep(RETRY_S)  # if this lasts, the lease tells
            else:
                raise _TakenError


class Election:
    """One candidate of an election."""

    def __init__(
        self,
        store: Store,
        name: str,
        identity: str,
        ttl_s: float = 3.0,
        rng: random.Random | None = None,
    ) -> None:
        """`identity`: unique to this process. `ttl_s`: a dead leader is followed within this time
        (etcd may round it up to its least, some 2 s)."""
        self._store = store
        self._key = f"{PREFIX}{name}"
        self._identity = identity
        self._ttl_s = ttl_s
        self._rng = rng or random.Random()

    async def campaign(self) -> Leadership:
        """Wait until this candidate leads. Store errors are waited out."""
        backoff = Backoff(self._rng, 0.05, 1.0)
        while True:
            try:
                leadership = await self._attempt()
                if leadership is not None:
                    log.info("leadership_was_won", election=self._key, identity=self._identity)
                    return leadership
                backoff.reset()
            except StoreError as error:
                log.warning("election_failed", election=self._key, error=str(error))
                await asyncio.sleep(backoff.next_s())

    async def leader(self) -> str | None:
        """The identity of the leader, if there is one. Raises UnavailableError."""
        record = await self._store.get(self._key)
        return record.value.decode() if record else None

    async def _attempt(self) -> Leadership | None:
        """Take the key, or wait until its holder lets go."""
        current = await self._store.get(self._key)
        if current is not None:
            await _changed(self._store, self._key, current.version)
            return None
        lease = await self._store.lease(self._ttl_s)
        won = False
        try:
            write = Write(self._key, self._identity.encode(), ABSENT, lease.id)
            (outcome,) = await self._store.write([write])
            if isinstance(outcome, Written):
                won = True
                return Leadership(self._store, self._key, self._identity, outcome.version, lease)
        finally:
            if not won:
                await lease.close()  # also takes back a write whose outcome is not known
        if isinstance(outcome, Failed):
            raise outcome.error
        return None


class _TakenError(Exception):
    """The key is not ours any more."""


async def _changed(store: Store, key: str, version: int) -> None:
    """Return once the key is not what it was at `version`. Raises StoreError."""
    parent = key[: key.rindex("/") + 1]
    since = version
    while True:
        try:
            async with contextlib.aclosing(store.watch(parent, since)) as watch:
                async for changes in watch:
                    if any(change.key == key for change in changes):
                        return
            raise UnavailableError("the store was closed")
        except CompactedError:
            page = await store.list(parent)
            if all(record.key != key or record.version != version for record in page.records):
                return
            since = page.version
