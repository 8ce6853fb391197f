"""A whole agent on a given engine, for tests; stopped like a crashed one, its containers left alone."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path

from knarr.clock import SeededIds, SystemClock
from knarr.session import AgentTransport
from node_agent.agent import Agent, AgentIdentity
from node_agent.assignment_store import AssignmentStore, MemoryAssignmentStore
from node_agent.machine import Machine
from node_agent.pods.parts import PodFiles
from node_agent.runtime.interface import Engine
from node_agent.settings import AgentSettings
from node_agent.volumes import NoFiles
from node_agent.wiring import assemble
from tests.support.agents import CLUSTER

NODE = "node-a"
MACHINE = Machine(
    cpu_millis=2000,
    memory_bytes=4 << 30,
    disk_bytes=10 << 30,
    address="127.0.0.1",
    kernel="6.0",
    os_image="Test",
    boot_id="boot",
    architecture="amd64",
)


def make_agent(
    transport: AgentTransport,
    engine: Engine,
    *,
    node: str = NODE,
    store: AssignmentStore | None = None,
    files: PodFiles | None = None,
) -> Agent:
    """An agent with the real clock and everything else as given."""
    return assemble(
        AgentSettings(node_name=node, state_dir=Path("/nonexistent"), servers=("in memory",)),
        AgentIdentity(node, f"machine-{node}", CLUSTER),
        transport=transport,
        engine=engine,
        engine_version="test://1",
        store=store or MemoryAssignmentStore(),
        files=files or NoFiles(),
        found=MACHINE,
        clock=SystemClock(),
        ids=SeededIds(7),
        rng=random.Random(7),
    )


@contextlib.asynccontextmanager
async def running(agent: Agent) -> AsyncIterator["asyncio.Task[None]"]:
    """The agent at work; ended without a word at the end of the block."""
    task = asyncio.create_task(agent.run(), name="agent under test")
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=10)
        if not task.cancelled():
            task.exception()
