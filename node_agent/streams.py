"""Streams that the control plane asks for: container logs, carried over a connection that the agent dials."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import structlog

from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import AgentTransport, ConnectionEnded, FrameConnection
from node_agent.pods.view import newest_first
from node_agent.runtime.errors import RuntimeFailure
from node_agent.runtime.interface import ContainerState, LogOptions, Phase, Runtime

log = structlog.get_logger()

MAX_STREAMS = 64  # at once; more are told to come again
HANG_UP_TIMEOUT_S = 10.0
_FRAME_BYTES = 64 * 1024


class StreamRefused(Exception):
    """There is nothing to stream; the message is for the person who asked."""


class StreamServer:
    """Serves the streams of one agent. Its tasks belong to the session that asked."""

    def __init__(self, transport: AgentTransport, runtime: Runtime, clock: Clock) -> None:
        self._transport = transport
        self._runtime = runtime
        self._clock = clock
        self._open = 0

    async def serve(self, request: wire.OpenStream) -> None:
        """One stream, to its end. Raises nothing but cancellation."""
        if self._open >= MAX_STREAMS:
            log.warning("stream_refused", reason="too many streams", open=self._open)
            return
        self._open += 1
        try:
            connection = await self._transport.stream()
            try:
                await connection.send(wire.StreamFrame(stream_id=request.stream_id))
                await self._send_until_hung_up(connection, request)
            finally:
                await connection.close()
        except (ConnectionEnded, ApiError) as error:
            log.info("stream_lost", error=str(error))
        finally:
            self._open -= 1

    async def _send_until_hung_up(self, connection: FrameConnection, request: wire.OpenStream) -> None:
        """Send, but stop as soon as the other side is gone: a quiet log would not notice."""
        sending = asyncio.create_task(self._send(connection, request), name="stream send")
        listening = asyncio.create_task(_ended(connection), name="stream listen")
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
                # The other side hangs up when it has read the end; if we did, it might lose the last bytes.
                await asyncio.wait({listening}, timeout=HANG_UP_TIMEOUT_S)
        finally:
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)

    async def _send(self, connection: FrameConnection, request: wire.OpenStream) -> None:
        end = ""
        try:
            if not request.HasField("logs"):
                raise StreamRefused(
                    "this agent does not know what it was asked for; is it older than the server?"
                )
            async with contextlib.aclosing(self._log(request.logs)) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece), _FRAME_BYTES):
                        data = piece[start : start + _FRAME_BYTES]
                        await connection.send(wire.StreamFrame(data=data))
        except (StreamRefused, RuntimeFailure) as error:
            end = str(error)
        await connection.send(wire.StreamFrame(end=end))

    async def _log(self, target: wire.LogTarget) -> AsyncGenerator[bytes, None]:
        """The part of the container's output that was asked for. Raises StreamRefused, RuntimeFailure."""
        state = chosen(await self._runtime.list(target.pod.uid), target)
        since = self._clock.now() - target.since_seconds if target.HasField("since_seconds") else 0.0
        options = LogOptions(
            follow=target.follow and state.phase is Phase.RUNNING,
            tail=target.tail_lines if target.HasField("tail_lines") else -1,
            since=since,
            timestamps=target.timestamps,
        )
        left = target.limit_bytes if target.HasField("limit_bytes") else None
        async with contextlib.aclosing(self._runtime.logs(state.id, options)) as pieces:
            async for piece in pieces:
                if left is None:
                    yield piece
                    continue
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return


async def _ended(connection: FrameConnection) -> None:
    with contextlib.suppress(ConnectionEnded):
        while True:
            await connection.receive()


def chosen(observed: tuple[ContainerState, ...], target: wire.LogTarget) -> ContainerState:
    """The container whose log was asked for. Pure. Raises StreamRefused."""
    runs = [
        state
        for state in newest_first(observed)
        if state.identity.container == target.container and state.phase is not Phase.CREATED
    ]
    pod = f'pod "{target.pod.name}"'
    if target.previous:
        if len(runs) < 2:
            raise StreamRefused(f'previous terminated container "{target.container}" in {pod} not found')
        return runs[1]
    if not runs:
        raise StreamRefused(f'container "{target.container}" in {pod} is waiting to start')
    return runs[0]
