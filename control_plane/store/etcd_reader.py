"""Reads of single keys by many callers, sent together: one request to etcd costs as much as many keys in it.

A read is never older than the moment it was asked for: a batch takes only reads that came before it was sent,
and etcd answers with the newest. Reads wait only while others are on their way.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from control_plane.store.etcd_client import EtcdClient, LargeAnswerError
from control_plane.store.etcd_values import record_of
from control_plane.store.interface import Record, StoreError, UnavailableError
from knarr.proto.etcd import rpc_pb2 as rpc

MAX_KEYS: Final = 64  # of one request; etcd takes 128 operations
MAX_IN_FLIGHT: Final = 2  # requests


class _Read(NamedTuple):
    key: str
    found: "asyncio.Future[Record | None]"


class BatchReader:
    """Turns reads into batches."""

    def __init__(self, client: EtcdClient) -> None:
        self._client = client
        self._queue: deque[_Read] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._sending = False  # what is queued goes as soon as all have run who may have something to read

    async def get(self, key: str) -> Record | None:
        """The newest value; raises UnavailableError."""
        if self._client.closed:
            raise UnavailableError("the store was closed")
        loop = asyncio.get_running_loop()
        read = _Read(key, loop.create_future())
        self._queue.append(read)
        if not self._sending and len(self._batches) < MAX_IN_FLIGHT:
            self._sending = True
            loop.call_soon(self._send)
        return await read.found

    async def close(self) -> None:
        """Stop; what is queued or on its way fails."""
        for task in self._batches:
            task.cancel()
        if self._batches:
            await asyncio.wait(self._batches)
        self._fail([*self._queue], UnavailableError("the store was closed"))
        self._queue.clear()

    def _send(self) -> None:
        self._sending = False
        while self._queue and len(self._batches) < MAX_IN_FLIGHT:
            reads = [self._queue.popleft() for _ in range(min(MAX_KEYS, len(self._queue)))]
            task = asyncio.create_task(self._run(reads), name="store-reads")
            self._batches.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._batches.discard(task)
        self._send()

    async def _run(self, reads: list[_Read]) -> None:
        try:
            await self._answer([read for read in reads if not read.found.done()])
        except asyncio.CancelledError:
            self._fail(reads, UnavailableError("the store was closed"))
            raise
        except StoreError as error:
            self._fail(reads, error)

    async def _answer(self, reads: list[_Read]) -> None:
        if not reads:
            return
        request = rpc.TxnRequest()
        for read in reads:
            request.success.add().request_range.key = read.key.encode()
        try:
            response = await self._client.repeat(lambda endpoint: endpoint.kv.Txn, request)
        except LargeAnswerError:
            if len(reads) == 1:
                raise
            half = len(reads) // 2
            await self._answer(reads[:half])
            await self._answer(reads[half:])
            return
        for read, answer in zip(reads, response.responses, strict=True):
            found = answer.response_range.kvs
            if not read.found.done():
                read.found.set_result(record_of(found[0]) if found else None)

    def _fail(self, reads: list[_Read], error: StoreError) -> None:
        for read in reads:
            if not read.found.done():
                read.found.set_exception(error)
