"""The parts of a simulated cluster: real control planes and agents; a store in memory, fake engines."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from control_plane.nodes.sessions import NodeSessions
from control_plane.settings import ServerSettings
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from control_plane.wiring import ControlPlane, Surroundings
from knarr.clock import Clock, SeededIds
from node_agent.agent import AgentIdentity
from node_agent.assignment_store import MemoryAssignmentStore
from node_agent.machine import Machine
from node_agent.pods.parts import PodFiles
from node_agent.runtime.fake import FakeEngine, FakeHost
from node_agent.settings import AgentSettings
from node_agent.volumes import NoFiles
from node_agent.wiring import assemble
from tests.simulation.faults import Line, StoreFaults, Weather

CLUSTER_ID = "simulated"
NODE_CPU_MILLIS = 2000


@dataclass(slots=True)
class SimNode:
    """A machine: its engine and its agent's disk outlive the agent."""

    name: str
    host: FakeHost
    disk: MemoryAssignmentStore
    line: Line
    agent: asyncio.Task[None] | None = None


@dataclass(slots=True)
class SimReplica:
    """A control plane process."""

    name: str
    plane: ControlPlane
    store: MemoryStore
    task: asyncio.Task[None]


@dataclass(slots=True)
class SimCluster:
    """Everything, and what can be done to it."""

    clock: Clock
    rng: random.Random
    replicas_wanted: int
    node_names: tuple[str, ...]
    weather: Weather = field(default_factory=Weather)
    backend: MemoryBackend = field(default_factory=MemoryBackend)
    replicas: dict[str, SimReplica] = field(default_factory=dict)
    nodes: dict[str, SimNode] = field(default_factory=dict)
    files: Callable[[str], PodFiles] = lambda node: NoFiles()  # what agents mount
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _incarnations: int = 0

    async def start(self) -> None:
        for number in range(self.replicas_wanted):
            self.start_replica(f"replica-{number}")
        for name in self.node_names:
            line = Line(self.sessions, self.weather, self.fork(), self._start)
            self.nodes[name] = SimNode(name, FakeHost(self.clock), MemoryAssignmentStore(), line)
            self.start_agent(name)

    def fork(self) -> random.Random:
        """Randomness of its own for one part, so that parts do not disturb each other's."""
        return random.Random(self.rng.getrandbits(64))

    # control planes

    def start_replica(self, name: str) -> None:
        """Start a control plane process."""
        self._incarnations += 1
        rng = self.fork()
        store = MemoryStore(self.backend, StoreFaults(self.weather, self.fork()))
        around = Surroundings(
            store,
            self.clock,
            SeededIds(rng.getrandbits(64)),
            rng,
            CollectorRegistry(),
            CLUSTER_ID,
            f"{name}.{self._incarnations}",
        )
        plane = ControlPlane(around, ServerSettings(state_dir=Path("/nonexistent")))
        task = asyncio.get_running_loop().create_task(plane.run(), name=f"control plane {name}")
        self.replicas[name] = SimReplica(name, plane, store, task)

    async def crash_replica(self, name: str) -> None:
        """kill -9: nothing is said to the store, and every connection is gone."""
        replica = self.replicas.pop(name)
        await replica.store.crash()
        await _ended(replica.task)
        for node in self.nodes.values():
            await node.line.hang_up()

    def sessions(self) -> list[NodeSessions]:
        """The replicas that answer agents."""
        return [replica.plane.sessions for replica in self.replicas.values()]

    def plane(self) -> ControlPlane | None:
        """A replica to talk to."""
        replicas = list(self.replicas.values())
        return self.rng.choice(replicas).plane if replicas else None

    # agents

    def start_agent(self, name: str) -> None:
        """Start a node's agent on what its machine and disk have."""
        node = self.nodes[name]
        rng = self.fork()
        agent = assemble(
            AgentSettings(node_name=name, state_dir=Path("/nonexistent"), servers=("in memory",)),
            AgentIdentity(name, f"machine-{name}", CLUSTER_ID),
            transport=node.line,
            engine=FakeEngine(node.host, cluster=CLUSTER_ID, node=name),
            engine_version="fake://1",
            store=node.disk,
            files=self.files(name),
            found=_machine(name),
            clock=self.clock,
            ids=SeededIds(rng.getrandbits(64)),
            rng=rng,
        )
        node.agent = asyncio.get_running_loop().create_task(agent.run(), name=f"agent {name}")

    async def crash_agent(self, name: str) -> None:
        """kill -9: containers run on."""
        node = self.nodes[name]
        if node.agent is not None:
            task, node.agent = node.agent, None
            await _ended(task)
            await node.line.hang_up()

    async def stop(self) -> None:
        """End everything."""
        for name in list(self.nodes):
            await self.crash_agent(name)
        for name in list(self.replicas):
            await self.crash_replica(name)
        for task in list(self._tasks):
            await _ended(task)

    def check_alive(self) -> None:
        """Raise what ended a part that should never end."""
        parts = [replica.task for replica in self.replicas.values()]
        parts += [node.agent for node in self.nodes.values() if node.agent is not None]
        for task in parts:
            if task.done() and not task.cancelled():
                task.result()
                raise AssertionError(f"{task.get_name()} ended")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _machine(name: str) -> Machine:
    return Machine(
        cpu_millis=NODE_CPU_MILLIS,
        memory_bytes=4 << 30,
        disk_bytes=10 << 30,
        address="127.0.0.1",
        kernel="6.0",
        os_image="Simulated",
        boot_id=f"boot-{name}",
        architecture="amd64",
    )
