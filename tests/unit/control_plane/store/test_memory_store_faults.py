"""MemoryStore beyond the contract: faults on demand, leases on the loop's time, bounded history."""

import asyncio
import contextlib

import pytest

from control_plane.store.interface import (
    ABSENT,
    AmbiguousError,
    CompactedError,
    Failed,
    Record,
    UnavailableError,
    Write,
    Written,
)
from control_plane.store.memory import MemoryStore, Operation
from control_plane.store.memory_backend import MemoryBackend
from tests.support.stores import put, take
from tests.support.virtual import on_virtual_time


class Script:
    """Faults that are there while they are set."""

    def __init__(self) -> None:
        self.raises: dict[Operation, Exception] = {}
        self.waits: dict[Operation, float] = {}
        self.loses_answers = False

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(self.waits.get(operation, 0))
        if operation in self.raises:
            raise self.raises[operation]

    def after_write(self, subject: str) -> None:
        if self.loses_answers:
            raise AmbiguousError(subject)


async def test_an_unreachable_store_does_nothing() -> None:
    faults = Script()
    store = MemoryStore(faults=faults)
    faults.raises = {one: UnavailableError("down") for one in (Operation.GET, Operation.WRITE)}
    (outcome,) = await store.write([Write("/a/x", b"", ABSENT)])
    assert isinstance(outcome, Failed)
    with pytest.raises(UnavailableError):
        await store.get("/a/x")
    faults.raises.clear()
    assert await store.get("/a/x") is None


async def test_a_lost_answer_leaves_the_write_done() -> None:
    faults = Script()
    store = MemoryStore(faults=faults)
    faults.loses_answers = True
    (outcome,) = await store.write([Write("/a/x", b"v", ABSENT)])
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, AmbiguousError)
    record = await store.get("/a/x")
    assert record is not None
    assert record.value == b"v"


def test_a_watch_held_up_loses_nothing() -> None:
    async def scenario() -> None:
        faults = Script()
        store = MemoryStore(faults=faults)
        faults.raises[Operation.WATCH] = UnavailableError("down")
        async with contextlib.aclosing(store.watch("/a/", 0)) as watch:
            pending = asyncio.ensure_future(take(watch, 2))
            await put(store, "/a/x", b"1")
            await asyncio.sleep(10)
            await put(store, "/a/x", b"2")
            assert not pending.done()
            faults.raises.clear()
            assert [change.value for change in await pending] == [b"1", b"2"]

    on_virtual_time(scenario())


def test_a_lease_that_cannot_be_renewed_is_lost_in_time() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        faults = Script()
        backend = MemoryBackend()
        store = MemoryStore(backend, faults)
        lease = await store.lease(9)
        await store.write([Write("/a/x", b"", ABSENT, lease.id)])
        await asyncio.sleep(100)
        assert not lease.ended
        cut_at = loop.time()
        faults.raises[Operation.RENEW] = UnavailableError("cut off")
        await lease.lost()
        assert 6 <= loop.time() - cut_at <= 9
        await asyncio.sleep(3.1)
        assert backend.get("/a/x") is None

    on_virtual_time(scenario())


def test_a_slow_renewal_counts_from_when_it_was_sent() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        faults = Script()
        store = MemoryStore(faults=faults)
        lease = await store.lease(9)
        faults.waits[Operation.RENEW] = 20.0
        await lease.lost()
        assert loop.time() <= 9

    on_virtual_time(scenario())


def test_a_crashed_client_leaves_its_leases_to_time() -> None:
    async def scenario() -> None:
        backend = MemoryBackend()
        store, other = MemoryStore(backend), MemoryStore(backend)
        lease = await store.lease(9)
        await store.write([Write("/a/x", b"v", ABSENT, lease.id)])
        await store.crash()
        await asyncio.sleep(5)
        assert isinstance(await other.get("/a/x"), Record)
        await asyncio.sleep(4.1)
        assert await other.get("/a/x") is None

    on_virtual_time(scenario())


async def test_history_is_bounded() -> None:
    store = MemoryStore(MemoryBackend(history=100))
    for number in range(300):
        await put(store, "/a/x", b"%d" % number)
    with pytest.raises(CompactedError):
        await anext(store.watch("/a/", 0))


async def test_a_closed_store_does_nothing() -> None:
    store = MemoryStore()
    await store.close()
    with pytest.raises(UnavailableError):
        await store.get("/a/x")
    outcomes = await store.write([Write("/a/x", b"", None)])
    assert [type(outcome) for outcome in outcomes] == [Failed]
    assert not any(isinstance(outcome, Written) for outcome in outcomes)
