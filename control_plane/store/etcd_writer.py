"""Writes of many callers, queued for a moment and sent in batches.

At most one write of a key is on its way, several batches are. A batch whose answer got lost is sent again as
it is until etcd answers: each comparison holds at most once, so nothing is done twice, and a write that is
found stored was ours. What cannot be told in time is AmbiguousError, or UnavailableError if nothing was sent.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, TypeVar

from control_plane.store import etcd_together as together
from control_plane.store.etcd_batch import MAX_WRITES, Batch, Call, Entry, outcomes, request, take
from control_plane.store.etcd_client import Method
from control_plane.store.interface import (
    AmbiguousError,
    Failed,
    Outcome,
    StoreError,
    UnavailableError,
    Write,
)
from knarr.backoff import Backoff
from knarr.proto.etcd import rpc_pb2 as rpc

Q = TypeVar("Q")
R = TypeVar("R")
T = TypeVar("T")

MAX_IN_FLIGHT = 8  # batches
MAX_QUEUED = 20_000  # writes; callers wait beyond
GATHER_S = 0.002  # how long a batch that is not full waits for more, while others are on their way
CROWD = 3  # writes of one batch: where so many came together, more are coming
CROWD_S = 0.006  # from one batch to the next that is not full, while they come in crowds


class Sender(Protocol):
    """What the writer needs of an EtcdClient; see there."""

    timeout_s: float
    rng: random.Random

    async def attempt(self, method: Method[Q, R], request: Q, timeout_s: float | None = None) -> R: ...


class BatchWriter:
    """Turns writes into batches."""

    def __init__(self, client: Sender) -> None:
        self._client = client
        self._queue: deque[Entry] = deque()  # different keys, none of them on its way
        self._behind: dict[str, deque[Entry] | None] = {}  # of each queued or sent key: its later writes
        self._together: deque[Entry] = deque()  # each a Txn of its own
        self._batches: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.TimerHandle | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._queued = 0
        self._turn = 0
        self._next_at = 0.0  # when a batch that is not full may go, by the loop's clock
        self._closed = False

    async def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Outcomes in order. Cancelling the caller does not take back what was queued."""
        if not writes:
            return []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finished() -> None:
            if not done.done():  # else the caller was cancelled
                done.set_result(None)

        call = Call(len(writes), finished)
        for index, write in enumerate(writes):
            while self._queued >= MAX_QUEUED:
                self._room.clear()
                self._send_ready()
                await self._room.wait()
            self._enqueue(Entry(write, call, index))
        self._send_ready()
        await done
        return [outcome for outcome in call.outcomes if outcome is not None]

    async def close(self) -> None:
        """Stop; what is queued or on its way fails."""
        self._closed = True
        self._stop_gathering()
        for task in self._batches:
            task.cancel()
        if self._batches:
            await asyncio.wait(self._batches)
        behind = [entry for entries in self._behind.values() for entry in entries or ()]
        for entry in (*self._queue, *behind, *self._together):
            entry.settle(Failed(UnavailableError("the store was closed")))
        self._queue.clear()
        self._together.clear()
        self._behind.clear()

    def _enqueue(self, entry: Entry) -> None:
        if self._closed:
            entry.settle(Failed(UnavailableError("the store was closed")))
            return
        self._queued += 1
        if entry.write.also:
            self._together.append(entry)
            return
        key = entry.write.key
        if key not in self._behind:
            self._behind[key] = None
            self._queue.append(entry)
        elif (behind := self._behind[key]) is not None:
            behind.append(entry)
        else:
            self._behind[key] = deque((entry,))

    def _send_ready(self) -> None:
        """Send full batches at once, and the rest too when nothing is on its way and writes come one by one.
        Where they come in crowds, the rest goes at intervals: a batch costs as much as several writes."""
        while self._together and len(self._batches) < MAX_IN_FLIGHT:
            self._start(self._run_together(self._together.popleft(), self._turn), "store-together")
            self._turn += 1
        while self._queue and len(self._batches) < MAX_IN_FLIGHT:
            if len(self._queue) < MAX_WRITES:
                wait_s = self._next_at - asyncio.get_running_loop().time()
                if self._batches:
                    wait_s = max(wait_s, GATHER_S)
                if wait_s > 0:
                    self._gather(wait_s)
                    return
            self._send_one()

    def _gather(self, wait_s: float) -> None:
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(wait_s, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        if self._queue and len(self._batches) < MAX_IN_FLIGHT:
            self._send_one()

    def _stop_gathering(self) -> None:
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None

    def _send_one(self) -> None:
        batch = take(self._queue, self._turn)
        self._turn += 1
        crowded = CROWD <= len(batch) < MAX_WRITES
        self._next_at = asyncio.get_running_loop().time() + CROWD_S if crowded else 0.0
        self._start(self._run(batch), "store-batch")

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _run(self, batch: Batch) -> None:
        try:
            settled = await self._settled(batch)
        except asyncio.CancelledError:
            settled = [Failed(AmbiguousError("the store was closed"))] * len(batch)
        for (_, entry), outcome in zip(batch, settled, strict=True):
            self._next_of_key(entry.write.key)
            entry.settle(outcome)
        self._ended(len(batch))

    async def _run_together(self, entry: Entry, turn: int) -> None:
        write = entry.write
        writes = together.placed(write, turn)
        try:
            settled = await self._answered(
                lambda again: together.request(writes),
                lambda response, again: together.outcome(write, writes, response, again),
            )
        except StoreError as error:
            settled = Failed(error)
        except asyncio.CancelledError:
            settled = Failed(AmbiguousError("the store was closed"))
        entry.settle(settled)
        self._ended(1)

    def _ended(self, count: int) -> None:
        self._queued -= count
        self._room.set()
        task = asyncio.current_task()
        if task is not None:
            self._batches.discard(task)
        if not self._closed:
            self._send_ready()

    def _next_of_key(self, key: str) -> None:
        behind = self._behind.get(key)
        if behind:
            self._queue.append(behind.popleft())
        else:
            self._behind.pop(key, None)

    async def _settled(self, batch: Batch) -> list[Outcome]:
        """The outcomes of a batch. A refusal of the whole (one write too large, a lease that has ended) is
        narrowed down to the writes that deserve it."""
        try:
            return await self._answered(
                lambda again: request(batch, again),
                lambda response, again: outcomes(batch, response, again),
            )
        except StoreError as error:
            if len(batch) == 1 or isinstance(error, (UnavailableError, AmbiguousError)):
                return [Failed(error)] * len(batch)
        half = len(batch) // 2
        return await self._settled(batch[:half]) + await self._settled(batch[half:])

    async def _answered(
        self, make: Callable[[bool], rpc.TxnRequest], read: Callable[[rpc.TxnResponse, bool], T]
    ) -> T:
        """Send until answered or until the deadline. Both are told whether it was sent before."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(self._client.rng, 0.02, 0.5)
        deadline = loop.time() + self._client.timeout_s
        again = False
        while True:
            try:
                txn = make(again)
                left_s = max(0.05, deadline - loop.time())
                response = await self._client.attempt(lambda endpoint: endpoint.kv.Txn, txn, left_s)
                return read(response, again)
            except (UnavailableError, AmbiguousError) as error:
                again = again or isinstance(error, AmbiguousError)
                pause_s = backoff.next_s()
                if loop.time() + pause_s >= deadline:
                    raise (AmbiguousError if again else UnavailableError)(str(error)) from error
            except StoreError as error:
                if again:
                    raise AmbiguousError(str(error)) from error
                raise
            await asyncio.sleep(pause_s)
