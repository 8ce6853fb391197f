"""What goes wrong with the store and on the line, from one seed."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from control_plane.nodes.sessions import NodeSessions
from control_plane.store.interface import AmbiguousError, UnavailableError
from control_plane.store.memory import Operation
from knarr.errors import ApiError, Unavailable
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import AgentConnection, Connection, ConnectionEnded, FrameConnection, connected


@dataclass(slots=True)
class Weather:
    """How bad it is at the moment; calm when all is zero."""

    store_down: bool = False
    ambiguous: float = 0.0  # share of writes whose outcome is not told
    break_line: float = 0.0  # chance that a message breaks its connection
    latest_s: float = 0.02  # the most that a message is late


class StoreFaults:
    """One control plane's view of a store that is at times away."""

    def __init__(self, weather: Weather, rng: random.Random) -> None:
        self._weather = weather
        self._rng = rng

    async def before(self, operation: Operation, subject: str) -> None:
        await asyncio.sleep(self._rng.random() * 0.002)
        if self._weather.store_down:
            raise UnavailableError("the store is away")
        if operation is Operation.WRITE and self._rng.random() < self._weather.ambiguous / 2:
            raise AmbiguousError("the write was lost on its way")

    def after_write(self, subject: str) -> None:
        if self._rng.random() < self._weather.ambiguous / 2:
            raise AmbiguousError("the answer was lost on its way")


class Line:
    """An agent's transport to whichever replica answers, with delays, breaks and partitions."""

    def __init__(
        self,
        replicas: Callable[[], list[NodeSessions]],
        weather: Weather,
        rng: random.Random,
        start: Callable[[Coroutine[Any, Any, None], str], None],
    ) -> None:
        self._replicas = replicas
        self._weather = weather
        self._rng = rng
        self._start = start
        self._open: list[Connection[Any, Any]] = []
        self.cut = False

    async def bootstrap(self, request: wire.BootstrapRequest) -> wire.BootstrapResponse:
        return (await self._replica()).bootstrap(request)

    async def session(self) -> AgentConnection:
        sessions = await self._replica()
        agent, far = connected()
        near, server = connected()
        self._open = [agent, near]
        self._start(self._relay(far, near), "relay up")
        self._start(self._relay(near, far), "relay down")
        self._start(_served(sessions, server), "serve session")
        return agent

    async def stream(self) -> FrameConnection:
        raise Unavailable("nobody asks for streams here")

    async def close(self) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        """Break the connection, as a pulled cable does when somebody notices."""
        for connection in self._open:
            await connection.close()
        self._open = []

    async def _replica(self) -> NodeSessions:
        await asyncio.sleep(self._late_s())
        replicas = self._replicas()
        if self.cut or not replicas:
            raise Unavailable("nobody answers")
        return self._rng.choice(replicas)

    def _late_s(self) -> float:
        return self._rng.random() * self._weather.latest_s

    async def _relay(self, source: Connection[Any, Any], target: Connection[Any, Any]) -> None:
        """Pass messages on in their order, late; those of a cut line are lost with it."""
        try:
            while True:
                message = await source.receive()
                await asyncio.sleep(self._late_s())
                if self.cut or self._rng.random() < self._weather.break_line:
                    await asyncio.sleep(self._rng.random() * 2)
                    return
                await target.send(message)
        except ConnectionEnded:
            return
        finally:
            await source.close()
            await target.close()


async def _served(sessions: NodeSessions, server: Connection[wire.ServerMessage, wire.AgentMessage]) -> None:
    try:
        await sessions.serve(server)
    except ApiError:
        return
