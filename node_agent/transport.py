"""AgentTransport over gRPC: several server addresses, the next one tried when one does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc
import grpc.aio

from knarr import transport
from knarr.client.calls import api_error
from knarr.errors import ApiError, Timeout, Unavailable
from knarr.proto.services import node_service_pb2 as wire
from knarr.proto.services.node_service_pb2_grpc import NodeServiceStub
from knarr.session import AgentConnection, ConnectionEnded, FrameConnection

if TYPE_CHECKING:
    from knarr.proto.services.node_service_pb2_grpc import NodeServiceAsyncStub

S = TypeVar("S")
R = TypeVar("R")
T = TypeVar("T")

ANSWER_TIMEOUT_S = 5.0  # of one server, before the next is tried


class CallConnection(Generic[S, R]):
    """The client's side of one bidirectional call as a knarr.session.Connection."""

    def __init__(self, call: Any) -> None:
        self._call = call  # grpc.aio.StreamStreamCall, whose type has no public constructor to name
        self._writing = asyncio.Lock()

    async def send(self, message: S) -> None:
        async with self._writing:
            try:
                await self._call.write(message)
            except (grpc.RpcError, asyncio.InvalidStateError) as error:
                raise ConnectionEnded(_text(error)) from error

    async def receive(self) -> R:
        try:
            message = await self._call.read()
        except (grpc.RpcError, asyncio.InvalidStateError) as error:
            raise ConnectionEnded(_text(error)) from error
        if message is grpc.aio.EOF:
            raise ConnectionEnded("the server ended the stream")
        received: R = message
        return received

    async def close(self) -> None:
        self._call.cancel()


class GrpcAgentTransport:
    """Dials the servers ("host:port") in turn."""

    def __init__(self, servers: Sequence[str], credentials: grpc.ChannelCredentials | None = None) -> None:
        if not servers:
            raise ValueError("an agent needs the address of at least one server")
        self._servers = tuple(servers)
        self._credentials = credentials
        self._index = 0
        self._channel: grpc.aio.Channel | None = None

    async def bootstrap(self, request: wire.BootstrapRequest) -> wire.BootstrapResponse:
        async def ask(stub: "NodeServiceAsyncStub") -> wire.BootstrapResponse:
            return await stub.Bootstrap(request, timeout=ANSWER_TIMEOUT_S)

        return await self._ask(ask)

    async def session(self) -> AgentConnection:
        async def dial(stub: "NodeServiceAsyncStub") -> AgentConnection:
            return await _connected(stub.Session())

        return await self._ask(dial)

    async def stream(self) -> FrameConnection:
        async def dial(stub: "NodeServiceAsyncStub") -> FrameConnection:
            return await _connected(stub.Stream())

        # Only the server that asked for the stream waits for it: no other one is tried.
        try:
            return await dial(self._stub())
        except (grpc.RpcError, TimeoutError) as error:
            raise Unavailable(_text(error)) from error

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _ask(self, ask: Callable[["NodeServiceAsyncStub"], Awaitable[T]]) -> T:
        """The first answer of any server. Raises ApiError."""
        last: ApiError = Unavailable("no server was asked")
        for _ in self._servers:
            try:
                return await ask(self._stub())
            except (grpc.RpcError, TimeoutError) as error:
                last = _translated(error, self._servers[self._index])
                if not isinstance(last, Unavailable):
                    raise last from error
                await self._turn()
        raise last

    def _stub(self) -> "NodeServiceAsyncStub":
        if self._channel is None:
            self._channel = transport.channel(self._servers[self._index], self._credentials)
        return NodeServiceStub(self._channel)

    async def _turn(self) -> None:
        await self.close()
        self._index = (self._index + 1) % len(self._servers)


async def _connected(call: Any) -> CallConnection[Any, Any]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await call.wait_for_connection()
    except BaseException:
        call.cancel()
        raise
    return CallConnection(call)


def _translated(error: Exception, server: str) -> ApiError:
    failure = (
        api_error(error) if isinstance(error, grpc.aio.AioRpcError) else Unavailable("no answer in time")
    )
    if isinstance(failure, Timeout):
        return Unavailable(f"{server}: no answer in time")
    return Unavailable(f"{server}: {failure.message}") if isinstance(failure, Unavailable) else failure


def _text(error: BaseException) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return error.details() or error.code().name.lower()
    return str(error) or "no answer in time"
