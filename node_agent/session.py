"""One session with the control plane, from registration to its end."""

import asyncio
import random
from collections.abc import Callable, Iterable

import structlog

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import AgentConnection
from node_agent.outbox import Outbox
from node_agent.streams import StreamServer

log = structlog.get_logger()

WELCOME_TIMEOUT_S = 15.0
SEND_TIMEOUT_S = 20.0  # a server that takes nothing for so long is as good as gone
_HEARTBEAT_EARLY = 0.1  # share of the interval by which heartbeats vary, towards the early side


class Fenced(Exception):
    """The control plane has ended the session for good; the message says why."""


class SessionRefused(Exception):
    """The server did not behave as a server of this cluster."""


class AgentSession:
    """What the agent does while it is connected. `assigned` is called with each assignment, in order."""

    def __init__(
        self,
        connection: AgentConnection,
        outbox: Outbox,
        streams: StreamServer,
        *,
        assigned: Callable[[wire.Assignment], None],
        conditions: Callable[[], list[core.NodeCondition]],
        rng: random.Random,
    ) -> None:
        self.epoch = 0
        self._connection = connection
        self._outbox = outbox
        self._streams = streams
        self._assigned = assigned
        self._conditions = conditions
        self._random = rng

    async def run(self, register: wire.Register, cluster_id: str) -> None:
        """Serve until the connection ends: raises Fenced, SessionRefused, ConnectionEnded (the latter two
        perhaps in an ExceptionGroup)."""
        await self._send(wire.AgentMessage(register=register))
        async with asyncio.timeout(WELCOME_TIMEOUT_S):
            first = await self._connection.receive()
        if first.WhichOneof("message") == "fenced":
            raise Fenced(first.fenced.reason)
        if first.WhichOneof("message") != "welcome":
            raise SessionRefused("the server did not begin with a welcome")
        if first.welcome.cluster_id != cluster_id:
            raise SessionRefused(
                f"the server belongs to cluster {first.welcome.cluster_id}, not {cluster_id}"
            )
        self.epoch = first.welcome.epoch
        self._outbox.begin()
        log.info("session_began", epoch=self.epoch)
        interval_s = max(0.05, first.welcome.heartbeat_interval_ms / 1000)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(tasks), name="session receive")
            tasks.create_task(self._beat(interval_s), name="session heartbeat")
            tasks.create_task(self._report(), name="session report")

    async def _receive(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            message = await self._connection.receive()
            match message.WhichOneof("message"):
                case "assignment":
                    self._assigned(message.assignment)
                case "ack":
                    self._outbox.acknowledged(message.ack.sequence)
                case "open_stream":
                    tasks.create_task(self._streams.serve(message.open_stream), name="stream")
                case "fenced":
                    raise Fenced(message.fenced.reason)
                case _:
                    log.warning("message_not_understood", kind=message.WhichOneof("message"))

    async def _beat(self, interval_s: float) -> None:
        sequence, told = 0, b""
        while True:
            sequence += 1
            beat = wire.Heartbeat(sequence=sequence)
            conditions = self._conditions()
            encoded = b"".join(condition.SerializeToString() for condition in conditions)
            if encoded != told:
                told = encoded
                beat.conditions.extend(conditions)
            await self._send(wire.AgentMessage(heartbeat=beat))
            await asyncio.sleep(interval_s * (1 - self._random.uniform(0, _HEARTBEAT_EARLY)))

    async def _report(self) -> None:
        while True:
            batch = await self._outbox.next()
            await self._send(wire.AgentMessage(report=batch))

    async def _send(self, message: wire.AgentMessage) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._connection.send(message)


def endings(group: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    """The single exceptions of a group, however deeply nested."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from endings(error)
        else:
            yield error
