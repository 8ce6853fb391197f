"""NodeService over real gRPC on a free port, with a StubServer behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import grpc
import grpc.aio

from knarr import transport
from knarr.client.calls import STATUS_KEY
from knarr.errors import ApiError
from knarr.proto.services import node_service_pb2 as wire
from knarr.proto.services.node_service_pb2_grpc import (
    NodeServiceServicer,
    add_NodeServiceServicer_to_server,
)
from knarr.session import Connection, ConnectionEnded
from tests.support.agents import StubServer

Sent = TypeVar("Sent")
Received = TypeVar("Received")


class Bridge(NodeServiceServicer):
    """Pumps messages between gRPC and the stub's in-memory connections."""

    def __init__(self, stub: StubServer) -> None:
        self._stub = stub

    async def Bootstrap(
        self,
        request: wire.BootstrapRequest,
        context: grpc.aio.ServicerContext[wire.BootstrapRequest, wire.BootstrapResponse],
    ) -> wire.BootstrapResponse:
        try:
            return await self._stub.bootstrap(request)
        except ApiError as error:
            context.set_trailing_metadata(((STATUS_KEY, error.status().SerializeToString()),))
            await context.abort(grpc.StatusCode.ABORTED, error.message)
            raise

    async def Session(
        self,
        request_iterator: AsyncIterator[wire.AgentMessage],
        context: grpc.aio.ServicerContext[wire.AgentMessage, wire.ServerMessage],
    ) -> AsyncIterator[wire.ServerMessage]:
        async for message in bridged(await self._stub.session(), request_iterator):
            yield message

    async def Stream(
        self,
        request_iterator: AsyncIterator[wire.StreamFrame],
        context: grpc.aio.ServicerContext[wire.StreamFrame, wire.StreamFrame],
    ) -> AsyncIterator[wire.StreamFrame]:
        async for frame in bridged(await self._stub.stream(), request_iterator):
            yield frame


async def bridged(
    inner: Connection[Sent, Received], requests: AsyncIterator[Sent]
) -> AsyncIterator[Received]:
    """What comes out of `inner` while `requests` go in."""

    async def up() -> None:
        async for message in requests:
            await inner.send(message)
        await inner.close()

    pump = asyncio.create_task(up(), name="bridge up")
    try:
        with contextlib.suppress(ConnectionEnded):
            while True:
                yield await inner.receive()
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        await inner.close()


@contextlib.asynccontextmanager
async def served(stub: StubServer) -> AsyncIterator[str]:
    """The address at which the stub answers."""
    server, port = transport.server("127.0.0.1:0")
    add_NodeServiceServicer_to_server(Bridge(stub), server)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await stub.close()
        await server.stop(None)
