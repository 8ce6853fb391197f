"""How an agent and the control plane talk, apart from what carries it.

The agent sees an AgentTransport, the control plane a ServerConnection; gRPC carries the real ones
(node_agent/transport.py, control_plane/server/nodes.py), `connected()` the ones of tests and simulation.
"""

import asyncio
from typing import Generic, Protocol, TypeVar

from knarr.proto.services import node_service_pb2 as wire

S = TypeVar("S")
R = TypeVar("R")
Sent = TypeVar("Sent", contravariant=True)
Received = TypeVar("Received", covariant=True)

QUEUE_LENGTH = 256  # messages one side may be ahead of the other before its send waits


class ConnectionEnded(Exception):
    """The other side, or the line between, is gone. The agent dials again, with back-off."""


class Connection(Protocol[Sent, Received]):
    """A bidirectional stream of messages; one reader, any number of senders."""

    async def send(self, message: Sent) -> None:
        """Hand over a message; waits while the other side is slow. Raises ConnectionEnded."""
        ...

    async def receive(self) -> Received:
        """The next message. Raises ConnectionEnded."""
        ...

    async def close(self) -> None:
        """End both directions. Idempotent."""
        ...


AgentConnection = Connection[wire.AgentMessage, wire.ServerMessage]
ServerConnection = Connection[wire.ServerMessage, wire.AgentMessage]
FrameConnection = Connection[wire.StreamFrame, wire.StreamFrame]


class AgentTransport(Protocol):
    """What an agent dials with. Each raises knarr.errors.Unavailable when nobody answers in time."""

    async def bootstrap(self, request: wire.BootstrapRequest) -> wire.BootstrapResponse: ...

    async def session(self) -> AgentConnection: ...

    async def stream(self) -> FrameConnection: ...

    async def close(self) -> None: ...


class MemoryConnection(Generic[S, R]):
    """One end of a pair in one process."""

    def __init__(self, outgoing: "asyncio.Queue[S | None]", incoming: "asyncio.Queue[R | None]") -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._peer: MemoryConnection[R, S] | None = None
        self._ended = asyncio.Event()

    async def send(self, message: S) -> None:
        if self._ended.is_set():
            raise ConnectionEnded("closed")
        await self._outgoing.put(message)

    async def receive(self) -> R:
        message = None if self._ended.is_set() and self._incoming.empty() else await self._incoming.get()
        if message is None:
            self._ended.set()
            raise ConnectionEnded("closed by the other side")
        return message

    async def close(self) -> None:
        for end in (self, self._peer):
            if end is not None and not end._ended.is_set():
                end._ended.set()
                end._wake()

    def _wake(self) -> None:
        """Let a waiting reader see the end, at the price of the oldest unread message when full."""
        if self._incoming.full():
            self._incoming.get_nowait()
        self._incoming.put_nowait(None)

    def attach(self, peer: "MemoryConnection[R, S]") -> None:
        """Name the other end."""
        self._peer = peer


def connected(length: int = QUEUE_LENGTH) -> tuple[AgentConnection, ServerConnection]:
    """The two ends of a session in one process."""
    up: asyncio.Queue[wire.AgentMessage | None] = asyncio.Queue(length)
    down: asyncio.Queue[wire.ServerMessage | None] = asyncio.Queue(length)
    agent: MemoryConnection[wire.AgentMessage, wire.ServerMessage] = MemoryConnection(up, down)
    server: MemoryConnection[wire.ServerMessage, wire.AgentMessage] = MemoryConnection(down, up)
    agent.attach(server)
    server.attach(agent)
    return agent, server
