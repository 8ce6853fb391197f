"""Streams that the control plane wants from an agent and that the agent then dials.

`open` asks over the session and waits; the agent's call arrives elsewhere and is handed over by `attach`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from knarr.clock import Ids
from knarr.errors import Timeout
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import FrameConnection

MAX_WAITING = 1000  # streams asked for and not opened yet

Ask = Callable[[wire.ServerMessage], Awaitable[None]]


class StreamBroker:
    """Brings those who wait for a stream together with the agent that opens it."""

    def __init__(self, ids: Ids, timeout_s: float) -> None:
        self._ids = ids
        self._timeout_s = timeout_s
        self._waiting: dict[str, asyncio.Future[FrameConnection]] = {}

    async def open(self, ask: Ask, logs: wire.LogTarget) -> FrameConnection:
        """Ask an agent for a stream and return it; raises Timeout when the agent does not open it."""
        if len(self._waiting) >= MAX_WAITING:
            raise Timeout("too many streams are being opened; try again")
        stream_id = self._ids.token()
        arrival: asyncio.Future[FrameConnection] = asyncio.get_running_loop().create_future()
        self._waiting[stream_id] = arrival
        try:
            async with asyncio.timeout(self._timeout_s):
                await ask(wire.ServerMessage(open_stream=wire.OpenStream(stream_id=stream_id, logs=logs)))
                return await arrival
        except TimeoutError as error:
            raise Timeout(f"the node agent did not open the stream within {self._timeout_s:g} s") from error
        finally:
            del self._waiting[stream_id]

    def attach(self, stream_id: str, connection: FrameConnection) -> bool:
        """Hand over a stream that an agent opened; False when nobody waits for it (any more)."""
        arrival = self._waiting.get(stream_id)
        if arrival is None or arrival.done():
            return False
        arrival.set_result(connection)
        return True
