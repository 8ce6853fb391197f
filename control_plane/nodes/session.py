"""One agent's session after registration: heartbeats and reports come up, assignments go down."""

import asyncio
from collections.abc import Sequence

import structlog

from control_plane.nodes.assignment import Name, NodeAssignment
from control_plane.nodes.registration import with_conditions
from control_plane.nodes.reports import Verdict, effect
from control_plane.nodes.settings import SessionSettings
from control_plane.objects.interface import DeleteOptions, Objects, Writer
from control_plane.volumes.reach import reaches
from knarr.api.kinds import PERSISTENT_VOLUME_CLAIM, POD
from knarr.clock import Clock
from knarr.errors import ApiError, Conflict, NotFound, Timeout, TooManyRequests, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import ServerConnection

log = structlog.get_logger()

RETRY_S = 0.5
CONFLICT_RETRIES = 5
MAX_EVENTS = 1000  # of one agent waiting to be stored; older ones are dropped


class SessionSilent(Exception):
    """No message from the agent for longer than it promised."""


class Session:
    """The state of one session and the three tasks that serve it."""

    def __init__(
        self,
        node_name: str,
        epoch: int,
        connection: ServerConnection,
        objects: Objects,
        writer: Writer,
        clock: Clock,
        settings: SessionSettings,
    ) -> None:
        self.node_name = node_name
        self.epoch = epoch
        self.connection = connection
        self.assignment = NodeAssignment(node_name, self._volume_of)
        self._objects = objects
        self._writer = writer
        self._clock = clock
        self._settings = settings
        self._heard = clock.monotonic()
        self._dirty: set[Name] = set()
        self._touched: set[tuple[str, str, str]] = set()
        self._wake = asyncio.Event()
        self._reports: dict[str, wire.PodReport] = {}  # the newest of each pod, by uid
        self._conditions: list[core.NodeCondition] = []
        self._events: list[core.Event] = []
        self._sequence = 0
        self._reported = asyncio.Event()

    def pod_changed(self, name: Name) -> None:
        """Tell the agent about this pod soon."""
        self._dirty.add(name)
        self._wake.set()

    def labels_changed(self) -> None:
        """The node may reach other volumes now."""
        for pod in self.assignment.with_claims():
            self.pod_changed(pod)

    def reference_changed(self, kind: str, namespace: str, name: str) -> None:
        """Tell the agent about this config map or secret soon, or about the volume of this claim, if it has a
        pod that names it."""
        if kind == PERSISTENT_VOLUME_CLAIM.name:
            for pod in self.assignment.using(namespace, name):
                self.pod_changed(pod)
        if self.assignment.refers_to(kind, namespace, name):
            self._touched.add((kind, namespace, name))
            self._wake.set()

    async def send(self, message: wire.ServerMessage) -> None:
        """Send the agent a message; raises ConnectionEnded."""
        await self.connection.send(message)

    async def serve(self, silence_s: float) -> None:
        """Serve until the connection ends or the agent falls silent (an ExceptionGroup says which)."""
        await self._send_full()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(), name=f"session-receive-{self.node_name}")
            tasks.create_task(self._assign(), name=f"session-assign-{self.node_name}")
            tasks.create_task(self._store_reports(), name=f"session-store-{self.node_name}")
            tasks.create_task(self._watch_silence(silence_s), name=f"session-watch-{self.node_name}")

    # downwards

    def _config_map(self, namespace: str, name: str) -> core.ConfigMap | None:
        return self._objects.get(core.ConfigMap, namespace, name)

    def _secret(self, namespace: str, name: str) -> core.Secret | None:
        return self._objects.get(core.Secret, namespace, name)

    def _volume_of(self, namespace: str, name: str) -> core.PersistentVolume | None:
        claim = self._objects.get(core.PersistentVolumeClaim, namespace, name)
        if claim is None or claim.status.phase != "Bound":
            return None
        volume = self._objects.get(core.PersistentVolume, "", claim.spec.volumeName)
        node = self._objects.get(core.Node, "", self.node_name)
        if volume is not None and node is not None and not reaches(node, volume):
            return None  # its path is another directory here
        return volume

    async def _send_full(self) -> None:
        self._dirty.clear()
        self._touched.clear()
        pods = self._objects.list(core.Pod, node_name=self.node_name)
        message = self.assignment.full(pods, self._config_map, self._secret)
        await self.send(wire.ServerMessage(assignment=message))

    async def _assign(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._settings.assignment_delay_s)
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            touched, self._touched = self._touched, set()
            changed = [(name, self._objects.get(core.Pod, *name)) for name in sorted(dirty)]
            message = self.assignment.delta(changed, frozenset(touched), self._config_map, self._secret)
            if message is not None:
                await self.send(wire.ServerMessage(assignment=message))

    # upwards

    async def _receive(self) -> None:
        while True:
            message = await self.connection.receive()
            self._heard = self._clock.monotonic()
            match message.WhichOneof("message"):
                case "heartbeat":
                    self._conditions.extend(message.heartbeat.conditions)
                case "report":
                    self._take_report(message.report)
                case _:
                    log.warning("agent sent an unexpected message", node=self.node_name)
            if self._conditions or self._reports or self._events or message.HasField("report"):
                self._reported.set()

    def _take_report(self, report: wire.StatusReport) -> None:
        for pod in report.pods:
            self._reports[pod.uid] = pod
        self._events.extend(report.events)
        del self._events[:-MAX_EVENTS]
        self._sequence = max(self._sequence, report.sequence)

    async def _watch_silence(self, silence_s: float) -> None:
        while True:
            silent_s = self._clock.monotonic() - self._heard
            if silent_s >= silence_s:
                raise SessionSilent(f"no message for {silent_s:.1f} s")
            await asyncio.sleep(silence_s - silent_s + 0.001)

    async def _store_reports(self) -> None:
        while True:
            await self._reported.wait()
            self._reported.clear()
            sequence = self._sequence
            reports, self._reports = self._reports, {}
            conditions, self._conditions = self._conditions, []
            events, self._events = self._events, []
            if conditions:
                await self._store_conditions(conditions)
            await self._store_pods(list(reports.values()))
            await self._store_events(events)
            if sequence:
                await self.send(wire.ServerMessage(ack=wire.ReportAck(sequence=sequence)))

    async def _store_pods(self, reports: Sequence[wire.PodReport]) -> None:
        limit = asyncio.Semaphore(self._settings.report_concurrency)

        async def store(report: wire.PodReport) -> None:
            async with limit:
                await self._store_pod(report)

        async with asyncio.TaskGroup() as tasks:
            for report in reports:
                tasks.create_task(store(report), name=f"report-{report.namespace}/{report.name}")

    async def _store_pod(self, report: wire.PodReport) -> None:
        """Store one report; retries for as long as the session lives, since the agent waits for the ack."""
        conflicts = 0
        while report.uid not in self._reports:  # a newer one makes this one void
            current = self._objects.get(core.Pod, report.namespace, report.name)
            outcome = effect(self.node_name, report, current)
            try:
                if outcome.verdict is Verdict.UPDATE and outcome.pod is not None:
                    await self._writer.update_status(outcome.pod)
                elif outcome.verdict is Verdict.REMOVE:
                    options = DeleteOptions(grace_period_s=0, uid=report.uid)
                    await self._writer.delete(POD, report.namespace, report.name, options)
                return
            except NotFound:
                return
            except Conflict:
                conflicts += 1
                if conflicts > CONFLICT_RETRIES:
                    await asyncio.sleep(RETRY_S)
            except (Unavailable, Timeout, TooManyRequests) as error:
                log.info("pod status was not stored yet", node=self.node_name, error=str(error))
                await asyncio.sleep(RETRY_S)
            except ApiError as error:
                log.error("pod status was refused", node=self.node_name, pod=report.name, error=str(error))
                return

    async def _store_conditions(self, conditions: Sequence[core.NodeCondition]) -> None:
        for _ in range(CONFLICT_RETRIES):
            node = self._objects.get(core.Node, "", self.node_name)
            if node is None or not with_conditions(node.status, conditions, self._clock.now()):
                return
            try:
                await self._writer.update_status(node)
                return
            except Conflict:
                continue
            except ApiError as error:
                log.warning("node condition was not stored", node=self.node_name, error=str(error))
                await asyncio.sleep(RETRY_S)

    async def _store_events(self, events: Sequence[core.Event]) -> None:
        for event in events:
            try:
                await self._writer.create(event)
            except ApiError as error:
                log.info("event was not stored", node=self.node_name, error=str(error))
