"""The agent: keeps a session with the control plane, and the node's pods as it was last told.

Pods do not depend on the session: they are run from the last assignment, on disk if need be, and a lost
connection changes nothing but what is reported.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from knarr.cancellation import contained
from knarr.clock import Clock
from knarr.errors import ApiError, Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from knarr.session import AgentTransport, ConnectionEnded
from node_agent.assignment import CurrentAssignment
from node_agent.assignment_store import AssignmentStore
from node_agent.errors import NodeNameTaken, WrongCluster
from node_agent.outbox import Outbox
from node_agent.pods.config import ConfigStore
from node_agent.pods.manager import PodManager
from node_agent.session import AgentSession, Fenced, SessionRefused, endings
from node_agent.streams import StreamServer

log = structlog.get_logger()

RETRY_FIRST_S = 0.2
RETRY_MAX_S = 5.0
STEADY_S = 10.0  # a session of this length clears the back-off
_SAVE_DELAY_S = 0.1


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Who the agent is; kept in its state directory."""

    node_name: str
    machine_id: str
    cluster_id: str


async def bootstrap(
    transport: AgentTransport, node_name: str, machine_id: str, known_cluster: str, rng: random.Random
) -> str:
    """Ask for the cluster's id until somebody answers. Raises NodeNameTaken, WrongCluster."""
    failures = 0
    while True:
        try:
            return await bootstrap_once(transport, node_name, machine_id, known_cluster)
        except ApiError as error:
            failures += 1
            log.warning("control_plane_unreachable", error=str(error))
            await asyncio.sleep(retry_s(failures, rng))


async def bootstrap_once(
    transport: AgentTransport, node_name: str, machine_id: str, known_cluster: str
) -> str:
    """Ask once. Raises NodeNameTaken, WrongCluster, ApiError."""
    request = wire.BootstrapRequest(node_name=node_name, machine_id=machine_id)
    try:
        cluster_id = (await transport.bootstrap(request)).cluster_id
    except Conflict as error:
        raise NodeNameTaken(f'this machine cannot be node "{node_name}": {error.message}') from error
    if known_cluster and cluster_id != known_cluster:
        raise WrongCluster(
            f"this node has run pods of cluster {known_cluster}, the server belongs to {cluster_id}; "
            "remove the old ones first: knarr agent purge"
        )
    return cluster_id


def retry_s(failures: int, rng: random.Random) -> float:
    """How long to wait before the next try, spread so that a cluster of agents does not come at once."""
    return min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** min(failures, 10)) * rng.uniform(0.5, 1.0)


@dataclass(frozen=True, slots=True)
class AgentParts:
    """What an agent is made of."""

    transport: AgentTransport
    manager: PodManager
    outbox: Outbox
    streams: StreamServer
    config: ConfigStore
    store: AssignmentStore
    node: Callable[[], core.Node]  # as it is registered
    clock: Clock
    random: random.Random
    version: str


class Agent:
    """One node's agent."""

    def __init__(self, identity: AgentIdentity, parts: AgentParts) -> None:
        self._identity = identity
        self._parts = parts
        self._assignment = CurrentAssignment()
        self._epoch = 0
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Work for ever. Raises AgentError when it cannot go on. Cancelling it stops no container."""
        saved = await self._parts.store.load()
        if saved is not None:
            self._take(saved, authoritative=False)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._parts.manager.run(), name="pods")
                tasks.create_task(self._save_changes(), name="assignment to disk")
                tasks.create_task(self._connect_for_ever(), name="sessions")
        except* NodeNameTaken as group:
            raise next(iter(endings(group))) from None
        except* WrongCluster as group:
            raise next(iter(endings(group))) from None

    async def _connect_for_ever(self) -> None:
        failures = 0
        while True:
            began = self._parts.clock.monotonic()
            try:
                await contained(self._connect(), "session")
            except* (ConnectionEnded, SessionRefused, Fenced, ApiError, TimeoutError) as group:
                reasons = "; ".join(str(error) or type(error).__name__ for error in endings(group))
                log.warning("session_ended", reason=reasons)
            steady = self._parts.clock.monotonic() - began >= STEADY_S
            failures = 1 if steady else failures + 1
            await asyncio.sleep(retry_s(failures, self._parts.random))

    async def _connect(self) -> None:
        """One session. That the node is still ours is asked before each, so that two machines of one name do
        not fence each other for ever."""
        parts, identity = self._parts, self._identity
        await bootstrap_once(parts.transport, identity.node_name, identity.machine_id, identity.cluster_id)
        connection = await parts.transport.session()
        session = AgentSession(
            connection,
            parts.outbox,
            parts.streams,
            assigned=self._assigned,
            conditions=self._conditions,
            rng=parts.random,
        )
        try:
            await session.run(self._register(), identity.cluster_id)
        finally:
            self._epoch = session.epoch or self._epoch
            await connection.close()

    def _register(self) -> wire.Register:
        pods = (wire.PodKey(namespace=p.namespace, name=p.name, uid=p.uid) for p in self._parts.manager.pods)
        return wire.Register(
            node_name=self._identity.node_name,
            machine_id=self._identity.machine_id,
            node=self._parts.node(),
            last_epoch=self._epoch,
            agent_version=self._parts.version,
            pods=pods,
        )

    def _assigned(self, message: wire.Assignment) -> None:
        self._take(message, authoritative=True)
        self._changed.set()

    def _take(self, message: wire.Assignment, *, authoritative: bool) -> None:
        touched = self._assignment.apply(message)
        if touched:
            self._parts.config.replace(
                self._assignment.config_maps.values(), self._assignment.secrets.values()
            )
        self._parts.manager.apply(
            self._assignment.pods, {p.metadata.uid for p in message.pods}, authoritative
        )
        if touched:
            self._parts.manager.config_changed()

    async def _save_changes(self) -> None:
        """Keep the assignment on disk up to date; a burst of changes is written once."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_SAVE_DELAY_S)
            self._changed.clear()
            try:
                await self._parts.store.save(self._assignment.message())
            except OSError as error:
                log.error("assignment_not_saved", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RETRY_MAX_S):
                        await self._changed.wait()
                self._changed.set()

    def _conditions(self) -> list[core.NodeCondition]:
        """What the agent itself sees of the node's health."""
        error = self._parts.manager.engine_error
        ready = core.NodeCondition(type="Ready", status="True", reason="AgentReady")
        ready.message = "the node agent is connected"
        if error:
            ready.status, ready.reason, ready.message = "False", "EngineUnavailable", error
        return [ready]
