"""Puts an agent together: the one place that knows which parts it is made of."""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import random
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog

import knarr
from knarr.clock import Clock, Ids, RandomIds, SystemClock
from knarr.session import AgentTransport
from node_agent import machine
from node_agent.agent import Agent, AgentIdentity, AgentParts, bootstrap
from node_agent.assignment_store import AssignmentStore, FileAssignmentStore, write_atomically
from node_agent.errors import AlreadyRunning
from node_agent.outbox import Outbox
from node_agent.pods.config import ConfigStore
from node_agent.pods.events import EventRecorder
from node_agent.pods.facts import NodeFacts
from node_agent.pods.manager import PodManager
from node_agent.pods.parts import Parts, PodFiles
from node_agent.runtime.errors import RuntimeFailure
from node_agent.runtime.interface import Engine, Role
from node_agent.settings import AgentSettings
from node_agent.streams import StreamServer
from node_agent.volumes import VolumeFiles

log = structlog.get_logger()

_ENGINE_RETRY_S = 2.0
_PURGE_GRACE_S = 2.0


async def run_agent(settings: AgentSettings) -> None:
    """Run until SIGTERM or SIGINT; containers go on running. Raises AgentError."""
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with _locked(settings.state_dir):
        work = asyncio.create_task(_run(settings), name="agent")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            log.info("agent_stopped", node=settings.node_name)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def purge(settings: AgentSettings) -> int:
    """Stop and remove every container of the node, and forget its assignment; the number of containers.

    Raises AlreadyRunning, RuntimeFailure."""
    path = settings.state_dir / "identity.json"
    if not path.exists():
        return 0
    with _locked(settings.state_dir):
        identity = _identity(settings)
        engine = _engine(settings, identity.cluster_id, SystemClock())
        try:
            found = await engine.list()
            members = [state for state in found if state.identity.role is not Role.INFRA]
            await asyncio.gather(*(engine.stop(state.id, _PURGE_GRACE_S) for state in members))
            await asyncio.gather(*(engine.remove(state.id) for state in found))
        finally:
            await engine.close()
        files = _files(settings)
        for uid in {state.identity.pod.uid for state in found}:
            await files.remove(uid)
        (settings.state_dir / "assignment").unlink(missing_ok=True)
        path.unlink()
    return len(found)


async def preflight(settings: AgentSettings) -> None:
    """Whether the engine can be used at all. Raises RuntimeFailure, which says what is wrong."""
    engine = _engine(settings, "", SystemClock())
    try:
        await engine.list()
    finally:
        await engine.close()


async def _run(settings: AgentSettings) -> None:
    from node_agent.transport import GrpcAgentTransport

    clock, ids = SystemClock(), RandomIds()
    rng = random.Random(secrets.randbits(64))
    identity = _identity(settings)
    transport = GrpcAgentTransport(settings.servers)
    engine: Engine | None = None
    try:
        if not identity.cluster_id:
            cluster_id = await bootstrap(transport, identity.node_name, identity.machine_id, "", rng)
            identity = replace(identity, cluster_id=cluster_id)
            _save_identity(settings, identity)
        engine = _engine(settings, identity.cluster_id, clock)
        version = await _engine_version(engine)
        agent = assemble(
            settings,
            identity,
            transport=transport,
            engine=engine,
            engine_version=version,
            store=FileAssignmentStore(settings.state_dir / "assignment"),
            files=_files(settings),
            found=machine.inspect(settings.state_dir),
            clock=clock,
            ids=ids,
            rng=rng,
        )
        await agent.run()
    finally:
        await transport.close()
        if engine is not None:
            await engine.close()


def assemble(
    settings: AgentSettings,
    identity: AgentIdentity,
    *,
    transport: AgentTransport,
    engine: Engine,
    engine_version: str,
    store: AssignmentStore,
    files: PodFiles,
    found: machine.Machine,
    clock: Clock,
    ids: Ids,
    rng: random.Random,
) -> Agent:
    """An agent of the given parts; tests and simulation give it others than a machine does."""
    found = replace(
        found,
        cpu_millis=settings.cpu_millis or found.cpu_millis,
        memory_bytes=settings.memory_bytes or found.memory_bytes,
        address=settings.address or found.address,
    )
    node = machine.node(
        settings.node_name,
        found,
        machine_id=identity.machine_id,
        engine=engine_version,
        version=f"knarr-{knarr.__version__}",
        pods=settings.pods,
        labels=settings.labels,
    )
    outbox, config = Outbox(), ConfigStore()
    memory_bytes = machine.allocatable_memory(found)
    facts = NodeFacts(settings.node_name, found.address, found.cpu_millis, memory_bytes)
    parts = Parts(
        engine=engine,
        files=files,
        config=config,
        recorder=EventRecorder(settings.node_name, outbox.put_event, clock, ids),
        report=outbox.put,
        node=facts,
        pause_image=settings.pause_image,
        clock=clock,
        random=rng,
    )
    return Agent(
        identity,
        AgentParts(
            transport=transport,
            manager=PodManager(parts, outbox.forget),
            outbox=outbox,
            streams=StreamServer(transport, engine, clock),
            config=config,
            store=store,
            node=lambda: node,
            clock=clock,
            random=rng,
            version=knarr.__version__,
        ),
    )


def _engine(settings: AgentSettings, cluster: str, clock: Clock) -> Engine:
    if settings.runtime == "fake":
        from node_agent.runtime.fake import FakeEngine, FakeHost

        return FakeEngine(FakeHost(clock), cluster=cluster, node=settings.node_name)
    from node_agent.runtime.docker.engine import DockerEngine

    return DockerEngine(settings.docker_url, cluster=cluster, node=settings.node_name, clock=clock)


async def _engine_version(engine: Engine) -> str:
    """Wait for the engine: a node that cannot run pods must not register."""
    while True:
        try:
            return await engine.version()
        except RuntimeFailure as error:
            log.warning("engine_unreachable", error=str(error))
            await asyncio.sleep(_ENGINE_RETRY_S)


def _files(settings: AgentSettings) -> VolumeFiles:
    # Several agents share one machine: each has a place of its own in memory.
    key = hashlib.sha256(os.fsencode(settings.state_dir.resolve())).hexdigest()[:16]
    return VolumeFiles(settings.state_dir / "pods", settings.memory_dir / f"knarr-{key}")


def _identity(settings: AgentSettings) -> AgentIdentity:
    """From the state directory; a new machine id where there is none yet."""
    path = settings.state_dir / "identity.json"
    if path.exists():
        known = json.loads(path.read_text())
        return AgentIdentity(settings.node_name, known["machine_id"], known["cluster_id"])
    made = AgentIdentity(settings.node_name, secrets.token_hex(16), "")
    _save_identity(settings, made)
    return made


def _save_identity(settings: AgentSettings, identity: AgentIdentity) -> None:
    content = {"machine_id": identity.machine_id, "cluster_id": identity.cluster_id}
    write_atomically(settings.state_dir / "identity.json", json.dumps(content).encode())


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process. Raises AlreadyRunning."""
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyRunning(f"another agent uses {state_dir}") from error
        yield
