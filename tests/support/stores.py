"""What the contract suites of the store share: a backing that hands out stores, and readers of watches."""

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdSettings
from control_plane.store.interface import (
    ABSENT,
    Change,
    Failed,
    Refused,
    Store,
    UnavailableError,
    Write,
    Written,
)
from control_plane.store.memory import MemoryStore, Operation
from control_plane.store.memory_backend import MemoryBackend
from tests.support.etcd import RealEtcd
from tests.support.proxy import Proxy

DEADLINE_S = 20.0


class Cut:
    """Faults: watches deliver nothing while `cut` is set."""

    def __init__(self) -> None:
        self.cut = False

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(0)
        if self.cut and operation is Operation.WATCH:
            raise UnavailableError("cut off")

    def after_write(self, subject: str) -> None:
        return None


class Backing(Protocol):
    """One set of data and the ways to it."""

    def store(self) -> Store:
        """A client of its own, as another process would have."""
        ...

    async def crash(self, store: Store) -> None:
        """End a client as a killed process ends: nothing is revoked."""
        ...

    async def interrupt(self) -> None:
        """Break the connections of all watches, as a restart of the server does."""
        ...

    async def close(self) -> None: ...


class MemoryBacking:
    """MemoryStores on one backend."""

    def __init__(self) -> None:
        self.backend = MemoryBackend()
        self._stores: list[MemoryStore] = []

    def store(self) -> Store:
        self._stores.append(MemoryStore(self.backend))
        return self._stores[-1]

    async def crash(self, store: Store) -> None:
        assert isinstance(store, MemoryStore)
        await store.crash()

    async def interrupt(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


class EtcdBacking:
    """EtcdStores on one etcd."""

    def __init__(self, etcd: RealEtcd) -> None:
        self._etcd = etcd
        self._stores: list[EtcdStore] = []

    def store(self) -> Store:
        self._stores.append(self._etcd.store())
        return self._stores[-1]

    async def crash(self, store: Store) -> None:
        assert isinstance(store, EtcdStore)
        await store.crash()

    async def interrupt(self) -> None:
        await self._etcd.restart()

    async def close(self) -> None:
        await self._etcd.stop()


def through(proxy: Proxy, timeout_s: float = 10.0) -> EtcdStore:
    """A store whose connection the test can disturb; the caller closes it."""
    return EtcdStore.connect(EtcdSettings((proxy.endpoint,), request_timeout_s=timeout_s), random.Random(2))


async def put(store: Store, key: str, value: bytes, expected: int | None = None) -> int:
    """Write one value that must be written; its version."""
    return written((await store.write([Write(key, value, expected)]))[0])


async def create(store: Store, *keys: str) -> list[int]:
    """Create keys in one call, each with its own name as value; their versions."""
    outcomes = await store.write([Write(key, key.encode(), ABSENT) for key in keys])
    return [written(outcome) for outcome in outcomes]


def written(outcome: Written | Refused | Failed) -> int:
    assert isinstance(outcome, Written), outcome
    return outcome.version


async def take(watch: AsyncGenerator[Sequence[Change], None], count: int) -> list[Change]:
    """The next `count` changes at least; fails when they do not come in time."""
    found: list[Change] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(found) < count:
            found += await anext(watch)
    return found


def increasing(changes: Sequence[Change]) -> bool:
    """Whether each version is above the one before."""
    return all(one.version < two.version for one, two in itertools.pairwise(changes))
