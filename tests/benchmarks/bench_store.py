"""EtcdStore on a real etcd with its data in memory, one client process, values of 1 kB.

`store.cas_batched.per_s`: creates by 200 callers at once, which the store puts into batches.
`store.cas_single.per_s`: the same CASes by 100 callers at once, each a Txn of its own, as without batching.
`store.cas_serial.per_s`: one caller, one create after another.
`store.delete_batched.per_s`: the deletion of what was created.
`store.list.keys_per_s`: all keys, page by page. `store.watch.events_per_s`: a watch that catches up.
`store.batching.ratio`: batched to single, in this run.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_batch import Call, Entry, outcomes, request
from control_plane.store.interface import ABSENT, Write, Written
from tests.support.bench import Report
from tests.support.etcd import real_etcd

VALUE = bytes(1000)
KEYS = 40_000
SINGLES = 5_000
SERIAL = 1_000
BATCHED_CALLERS = 200
SINGLE_CALLERS = 100


async def run(report: Report) -> None:
    """All figures; `report(name, value, unit, **params)`."""
    async with real_etcd() as etcd:
        store = etcd.store()
        batched = await _writes(report, store)
        await _reads(report, store)
        deleted_per_s = await _deletions(store)
        report("store.delete_batched.per_s", deleted_per_s, "deletes/s", keys=KEYS)
        single = await _rate(SINGLES, SINGLE_CALLERS, lambda number: _single(store, number))
        report("store.cas_single.per_s", single, "writes/s", callers=SINGLE_CALLERS, value_bytes=len(VALUE))
        report("store.batching.ratio", batched / single, "x")


async def _writes(report: Report, store: EtcdStore) -> float:
    await _rate(2000, BATCHED_CALLERS, lambda number: _create(store, f"/warm/{number}"))
    batched = await _rate(KEYS, BATCHED_CALLERS, lambda number: _create(store, f"/bench/{number:06}"))
    report("store.cas_batched.per_s", batched, "writes/s", callers=BATCHED_CALLERS, value_bytes=len(VALUE))
    serial = await _rate(SERIAL, 1, lambda number: _create(store, f"/serial/{number:06}"))
    report("store.cas_serial.per_s", serial, "writes/s", callers=1, value_bytes=len(VALUE))
    return batched


async def _reads(report: Report, store: EtcdStore) -> None:
    started = time.perf_counter()
    page = await store.list("/bench/")
    report("store.list.keys_per_s", len(page.records) / (time.perf_counter() - started), "keys/s", keys=KEYS)
    started, seen = time.perf_counter(), 0
    async with contextlib.aclosing(store.watch("/bench/", 0)) as watch:
        async for changes in watch:
            seen += len(changes)
            if seen == KEYS:
                break
    report("store.watch.events_per_s", seen / (time.perf_counter() - started), "events/s", events=KEYS)


async def _deletions(store: EtcdStore) -> float:
    page = await store.list("/bench/")
    started = time.perf_counter()
    done = await store.write([Write(record.key, None, record.version) for record in page.records])
    assert all(isinstance(outcome, Written) for outcome in done)
    return len(done) / (time.perf_counter() - started)


async def _create(store: EtcdStore, key: str) -> None:
    (outcome,) = await store.write([Write(key, VALUE, ABSENT)])
    assert isinstance(outcome, Written), outcome


async def _single(store: EtcdStore, number: int) -> None:
    batch = ((0, Entry(Write(f"/single/{number:06}", VALUE, ABSENT), Call(1, lambda: None), 0)),)
    answer = await store.client.attempt(lambda endpoint: endpoint.kv.Txn, request(batch, False))
    (outcome,) = outcomes(batch, answer, False)
    assert isinstance(outcome, Written), outcome


async def _rate(count: int, callers: int, once: Callable[[int], Awaitable[None]]) -> float:
    """Calls per second of so many callers, each doing one after another."""

    async def caller(first: int) -> None:
        for number in range(first, count, callers):
            await once(number)

    started = time.perf_counter()
    await asyncio.gather(*map(caller, range(callers)))
    return count / (time.perf_counter() - started)
