"""An agent under test and a control plane for it in the same process: a server that records and commands."""

import asyncio
from collections.abc import Callable

from knarr.errors import Conflict, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import (
    AgentConnection,
    ConnectionEnded,
    FrameConnection,
    MemoryConnection,
    ServerConnection,
    connected,
)

CLUSTER = "test-cluster"


class StubServer:
    """The server's side of NodeService: the newest report of each pod, and what the test tells it to say."""

    def __init__(self, *, cluster: str = CLUSTER) -> None:
        self.cluster = cluster
        self.reachable = True
        self.acknowledges = True
        self.owner: str | None = None  # the machine id that has the node; None: whoever comes
        self.registrations: list[wire.Register] = []
        self.reports: dict[str, wire.PodReport] = {}  # newest by uid
        self.sequences: list[int] = []
        self.events: list[core.Event] = []
        self.beats = 0
        self.conditions: list[core.NodeCondition] = []
        self.streams: asyncio.Queue[FrameConnection] = asyncio.Queue()
        self.assignment = wire.Assignment(full=True)
        self._session: ServerConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    # AgentTransport

    async def bootstrap(self, request: wire.BootstrapRequest) -> wire.BootstrapResponse:
        if not self.reachable:
            raise Unavailable("nobody answers")
        if self.owner is not None and self.owner != request.machine_id:
            raise Conflict(f'node name "{request.node_name}" is in use by another machine')
        return wire.BootstrapResponse(cluster_id=self.cluster)

    async def session(self) -> AgentConnection:
        if not self.reachable:
            raise Unavailable("nobody answers")
        agent, server = connected()
        task = asyncio.create_task(self._serve(server), name="stub session")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return agent

    async def stream(self) -> FrameConnection:
        up: asyncio.Queue[wire.StreamFrame | None] = asyncio.Queue(256)
        down: asyncio.Queue[wire.StreamFrame | None] = asyncio.Queue(256)
        agent: MemoryConnection[wire.StreamFrame, wire.StreamFrame] = MemoryConnection(up, down)
        server: MemoryConnection[wire.StreamFrame, wire.StreamFrame] = MemoryConnection(down, up)
        agent.attach(server)
        server.attach(agent)
        await self.streams.put(server)
        return agent

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What a test commands

    async def assign(self, *pods: core.Pod, config_maps: tuple[core.ConfigMap, ...] = ()) -> None:
        """From now on the node has exactly these pods."""
        before = {pod.metadata.uid: pod for pod in self.assignment.pods}
        now = {pod.metadata.uid: pod for pod in pods}
        delta = wire.Assignment(pods=pods, config_maps=config_maps)
        for uid, pod in before.items():
            if uid not in now:
                delta.removed_pods.add(namespace=pod.metadata.namespace, name=pod.metadata.name, uid=uid)
        kept = config_maps or tuple(self.assignment.config_maps)
        self.assignment = wire.Assignment(full=True, pods=pods, config_maps=kept)
        await self._say(wire.ServerMessage(assignment=delta))

    async def fence(self) -> None:
        await self._say(wire.ServerMessage(fenced=wire.Fenced(reason="a newer session took over")))

    async def disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def open_logs(self, target: wire.LogTarget, *, timeout_s: float = 10.0) -> tuple[bytes, str]:
        """The whole of a log stream and how it ended."""
        await self._say(wire.ServerMessage(open_stream=wire.OpenStream(stream_id="s-1", logs=target)))
        async with asyncio.timeout(timeout_s):
            connection = await self.streams.get()
            assert (await connection.receive()).stream_id == "s-1"
            data = b""
            while True:
                frame = await connection.receive()
                if frame.HasField("end"):
                    await connection.close()
                    return data, frame.end
                data += frame.data

    async def until(self, holds: Callable[[], bool], what: str, *, timeout_s: float = 30.0) -> None:
        """Wait until `holds()`, which is asked again at each message of the agent."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"within {timeout_s} s it did not happen: {what}\n{self.reports}") from None

    def phase(self, pod: core.Pod) -> str:
        report = self.reports.get(pod.metadata.uid)
        return report.status.phase if report is not None else ""

    def container(self, pod: core.Pod, index: int = 0) -> core.ContainerStatus:
        report = self.reports.get(pod.metadata.uid, wire.PodReport())
        statuses = report.status.containerStatuses
        return statuses[index] if len(statuses) > index else core.ContainerStatus()

    def ready(self, pod: core.Pod) -> bool:
        report = self.reports.get(pod.metadata.uid, wire.PodReport())
        return any(c.type == "Ready" and c.status == "True" for c in report.status.conditions)

    def terminated(self, pod: core.Pod) -> bool:
        return self.reports.get(pod.metadata.uid, wire.PodReport()).terminated

    # Inner parts

    async def _say(self, message: wire.ServerMessage) -> None:
        if self._session is not None:
            await self._session.send(message)

    async def _serve(self, connection: ServerConnection) -> None:
        try:
            first = await connection.receive()
            self.registrations.append(first.register)
            welcome = wire.Welcome(
                epoch=len(self.registrations), heartbeat_interval_ms=200, cluster_id=self.cluster
            )
            await connection.send(wire.ServerMessage(welcome=welcome))
            await connection.send(wire.ServerMessage(assignment=self.assignment))
            self._session = connection
            await self._notify()
            while True:
                await self._take(connection, await connection.receive())
                await self._notify()
        except ConnectionEnded:
            self._session = None

    async def _take(self, connection: ServerConnection, message: wire.AgentMessage) -> None:
        if message.HasField("heartbeat"):
            self.beats += 1
            self.conditions = list(message.heartbeat.conditions) or self.conditions
        for report in message.report.pods:
            self.reports[report.uid] = report
        self.events.extend(message.report.events)
        if message.HasField("report"):
            self.sequences.append(message.report.sequence)
            if self.acknowledges:
                ack = wire.ReportAck(sequence=message.report.sequence)
                await connection.send(wire.ServerMessage(ack=ack))

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
