"""A grpc.aio bidirectional call as a knarr.session.Connection."""

import asyncio
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio

from knarr.session import ConnectionEnded

S = TypeVar("S")
R = TypeVar("R")


class ServedConnection(Generic[S, R]):
    """The server's side of one call; `serving` returns when the connection was closed by us."""

    def __init__(self, context: "grpc.aio.ServicerContext[R, S]") -> None:
        self._context = context
        self._writing = asyncio.Lock()
        self._closed = asyncio.Event()

    async def send(self, message: S) -> None:
        async with self._writing:
            if self._closed.is_set():
                raise ConnectionEnded("closed")
            try:
                await self._context.write(message)
            except (grpc.RpcError, asyncio.InvalidStateError, grpc.aio.UsageError) as error:
                self._closed.set()
                raise ConnectionEnded("the other side hung up") from error

    async def receive(self) -> R:
        reading = asyncio.ensure_future(self._read())
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise ConnectionEnded("closed")
            return reading.result()
        finally:
            closing.cancel()
            if not reading.done():
                reading.cancel()

    async def _read(self) -> R:
        try:
            message: Any = await self._context.read()
        except (grpc.RpcError, asyncio.InvalidStateError, grpc.aio.UsageError) as error:
            self._closed.set()
            raise ConnectionEnded("the other side hung up") from error
        if message is grpc.aio.EOF:
            self._closed.set()
            raise ConnectionEnded("the other side ended the stream")
        received: R = message
        return received

    async def close(self) -> None:
        self._closed.set()

    async def serving(self) -> None:
        """Return once the connection is closed."""
        await self._closed.wait()
