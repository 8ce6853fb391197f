"""All sessions that this replica of the api server holds: claiming, fencing, waking, ending."""

import asyncio
import random
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from control_plane.api.messages import metadata
from control_plane.nodes.assignment import concerns_agent
from control_plane.nodes.directory import SessionDirectory, SessionEntry, SessionRecord, session_key
from control_plane.nodes.registration import registered, registered_status
from control_plane.nodes.session import Session, SessionSilent
from control_plane.nodes.settings import SessionSettings
from control_plane.nodes.streams import StreamBroker
from control_plane.objects.interface import ObjectChange, Objects, Writer
from control_plane.store.interface import Failed, Lease, Store, StoreError, Write, Written
from knarr.api.kinds import POD
from knarr.cancellation import contained
from knarr.clock import Clock, Ids
from knarr.errors import AlreadyExists, ApiError, Conflict, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import ConnectionEnded, FrameConnection, ServerConnection

log = structlog.get_logger()

RETRY_S = 1.0
REGISTER_RETRIES = 10


class Refused(Exception):
    """The agent may not have a session under this name."""


class NodeSessions:
    """Serves the agents that dialled this replica."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        writer: Writer,
        directory: SessionDirectory,
        clock: Clock,
        ids: Ids,
        rng: random.Random,
        *,
        replica: str,
        cluster_id: str,
        settings: SessionSettings,
    ) -> None:
        self._store = store
        self._objects = objects
        self._writer = writer
        self._directory = directory
        self._clock = clock
        self._rng = rng
        self._replica = replica
        self._cluster_id = cluster_id
        self._settings = settings
        self._sessions: dict[str, Session] = {}
        self._lease: Lease | None = None
        self._ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.streams = StreamBroker(ids, settings.stream_timeout_s)
        directory.listen(self._session_moved)

    async def run(self) -> None:
        """Keep the replica's lease and wake sessions at changes of their pods, for ever."""
        await self._objects.synced()
        await self._directory.synced()
        kinds = (core.Pod, core.ConfigMap, core.Secret, core.PersistentVolumeClaim, core.Node)
        unsubscribe = self._objects.subscribe(kinds, self._changed)
        try:
            while True:
                try:
                    await self._hold_lease()
                except StoreError as error:
                    log.warning("replica has no lease", replica=self._replica, error=str(error))
                await asyncio.sleep(RETRY_S * (1 + self._rng.random()))
        finally:
            unsubscribe()

    async def _hold_lease(self) -> None:
        lease = await self._store.lease(self._settings.lease_ttl_s)
        self._lease = lease
        self._ready.set()
        try:
            await lease.lost()
            log.warning("replica lost its lease", replica=self._replica)
        finally:
            self._ready.clear()
            self._lease = None
            await asyncio.gather(*(session.connection.close() for session in self._sessions.values()))
            await lease.close()

    def bootstrap(self, request: wire.BootstrapRequest) -> wire.BootstrapResponse:
        """Which cluster this is. Raises Conflict when another machine has this node name."""
        try:
            self._check_machine(request.node_name, request.machine_id)
        except Refused as error:
            raise Conflict(str(error)) from error
        return wire.BootstrapResponse(cluster_id=self._cluster_id)

    def local(self, node_name: str) -> Session | None:
        """The session of a node, if this replica holds it."""
        return self._sessions.get(node_name)

    async def open_logs(self, node_name: str, target: wire.LogTarget) -> FrameConnection:
        """A stream of a container's log from the node's agent; raises Unavailable, Timeout."""
        session = self._sessions.get(node_name)
        if session is None:
            raise Unavailable(f'the agent of node "{node_name}" is not connected')
        try:
            return await self.streams.open(session.send, target)
        except ConnectionEnded as error:
            raise Unavailable(f'the agent of node "{node_name}" has just disconnected') from error

    async def serve(self, connection: ServerConnection) -> None:
        """One session from registration to its end."""
        try:
            async with asyncio.timeout(self._settings.register_timeout_s):
                message = await connection.receive()
            if message.WhichOneof("message") != "register":
                raise Refused("the first message of a session must be Register")
            await self._serve_registered(connection, message.register)
        except Refused as error:
            log.warning("session was refused", error=str(error))
            await self._fence(connection, str(error))
        except (ConnectionEnded, TimeoutError):
            log.info("agent left before its session began")
        finally:
            await connection.close()

    async def _serve_registered(self, connection: ServerConnection, register: wire.Register) -> None:
        node_name = register.node_name
        self._check_machine(node_name, register.machine_id)
        async with asyncio.timeout(self._settings.register_timeout_s):
            await self._ready.wait()
            epoch = await self._claim(node_name, register.machine_id)
        session = Session(
            node_name, epoch, connection, self._objects, self._writer, self._clock, self._settings
        )
        await self._displace(node_name)
        self._sessions[node_name] = session
        log.info("session began", node=node_name, epoch=epoch)
        try:
            await self._register_node(register.node)
            await self._catch_up(register.pods)
            nodes = max(1, len(self._directory))
            await session.send(wire.ServerMessage(welcome=self._welcome(epoch, nodes)))
            await contained(session.serve(self._settings.silence_s(nodes)), f"session-{node_name}")
        except* (ConnectionEnded, SessionSilent, TimeoutError) as group:
            log.info("session ended", node=node_name, epoch=epoch, reason=str(group.exceptions[0]))
        except* ApiError as group:
            log.warning("session failed", node=node_name, epoch=epoch, error=str(group.exceptions[0]))
        finally:
            if self._sessions.get(node_name) is session:
                del self._sessions[node_name]
            await self._release(node_name, epoch)

    def _welcome(self, epoch: int, nodes: int) -> wire.Welcome:
        jitter = 1 + self._settings.heartbeat_jitter * (2 * self._rng.random() - 1)
        interval_ms = int(self._settings.interval_s(nodes) * jitter * 1000)
        return wire.Welcome(epoch=epoch, heartbeat_interval_ms=interval_ms, cluster_id=self._cluster_id)

    def _check_machine(self, node_name: str, machine_id: str) -> None:
        entry = self._directory.get(node_name)
        if entry is not None and entry.record.machine_id != machine_id:
            raise Refused(
                f'node name "{node_name}" is in use by another machine ({entry.record.machine_id}); '
                "give this one another name"
            )

    async def _claim(self, node_name: str, machine_id: str) -> int:
        """Write the session's key; its version is the epoch. Raises Refused, Unavailable."""
        lease = self._lease
        if lease is None:
            raise Unavailable("the api server has no lease in the store")
        record = SessionRecord(self._replica, machine_id, self._clock.now())
        (outcome,) = await self._store.write([Write(session_key(node_name), record.encode(), None, lease.id)])
        if isinstance(outcome, Written):
            return outcome.version
        reason = str(outcome.error) if isinstance(outcome, Failed) else "refused"
        raise Unavailable(f"the session could not be stored: {reason}")

    async def _release(self, node_name: str, epoch: int) -> None:
        """Remove the session's key, unless a newer session has taken it. The lease does it otherwise."""
        try:
            async with asyncio.timeout(self._settings.lease_ttl_s):
                await self._store.write([Write(session_key(node_name), None, epoch)])
        except (StoreError, TimeoutError) as error:
            log.info("session key was left to its lease", node=node_name, error=str(error))

    async def _displace(self, node_name: str) -> None:
        older = self._sessions.pop(node_name, None)
        if older is not None:
            await self._fence(older.connection, "a newer session of this node took over")

    @staticmethod
    async def _fence(connection: ServerConnection, reason: str) -> None:
        try:
            async with asyncio.timeout(1.0):
                await connection.send(wire.ServerMessage(fenced=wire.Fenced(reason=reason)))
        except (ConnectionEnded, TimeoutError):
            log.debug("fenced agent was gone already")
        await connection.close()

    async def _register_node(self, reported: core.Node) -> None:
        """Create or update the Node object; tries again at conflicts."""
        for attempt in range(REGISTER_RETRIES):
            name = reported.metadata.name
            existing = self._objects.get(core.Node, "", name)
            node = registered(reported, existing)
            try:
                if existing is None:
                    node = await self._writer.create(node)
                elif node != existing:
                    node = await self._writer.update(node)
                node.status.CopyFrom(registered_status(reported, node.status, self._clock.now()))
                await self._writer.update_status(node)
                return
            except (Conflict, AlreadyExists):
                await asyncio.sleep(0.02 * attempt * (1 + self._rng.random()))
        raise Conflict(f'node "{reported.metadata.name}" could not be registered: it changes all the time')

    async def _catch_up(self, pods: Sequence[wire.PodKey]) -> None:
        """Make sure that no pod of the agent is missing only because our cache is behind the store: the
        agent stops what the first assignment does not name."""
        for key in pods:
            cached = self._objects.get(core.Pod, key.namespace, key.name)
            if cached is not None and cached.metadata.uid == key.uid:
                continue
            stored = await self._store.get(POD.key(key.namespace, key.name))
            if stored is not None:
                await self._objects.seen(stored.version)

    # what the cache and the directory say

    def _changed(self, changes: Sequence[ObjectChange]) -> None:
        if not self._sessions:
            return
        for change in changes:
            kind, namespace, name = change.key.kind, change.key.namespace, change.key.name
            if kind == "Pod":
                self._pod_changed(change, (namespace, name))
            elif kind == "Node":
                if name in self._sessions:
                    self._node_changed(change, self._sessions[name])
            else:
                for session in self._sessions.values():
                    session.reference_changed(kind, namespace, name)

    def _node_changed(self, change: ObjectChange, session: Session) -> None:
        new, old = change.new, change.old
        if new is None:
            # The agent dials again and registers a new node, which has no pods.
            self._start(session.connection.close(), f"end-session-{session.node_name}")
        elif metadata(new).labels != (metadata(old).labels if old is not None else {}):
            session.labels_changed()

    def _pod_changed(self, change: ObjectChange, name: tuple[str, str]) -> None:
        new, old = change.new, change.old
        before = old.spec.nodeName if isinstance(old, core.Pod) else ""
        after = new.spec.nodeName if isinstance(new, core.Pod) else ""
        if isinstance(new, core.Pod) and isinstance(old, core.Pod) and not concerns_agent(old, new):
            return
        for node_name in {before, after} - {""}:
            session = self._sessions.get(node_name)
            if session is not None:
                session.pod_changed(name)

    def _session_moved(self, node_name: str, entry: SessionEntry | None) -> None:
        """Fence our session of a node that has a newer one, here or at another replica."""
        session = self._sessions.get(node_name)
        if session is None or entry is None or entry.epoch <= session.epoch:
            return
        fence = self._fence(session.connection, "a newer session of this node took over")
        self._start(fence, f"fence-session-{node_name}")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something short beside a handler that must not wait."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
