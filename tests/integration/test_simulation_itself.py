"""The simulation's own promises: one seed is one story, and a broken invariant is noticed."""

import asyncio
import os
import random
import subprocess
import sys

import pytest

from node_agent.runtime.fake import FakeEngine
from node_agent.runtime.interface import ContainerSpec, Identity, PodRef, Role
from tests.simulation.cluster import CLUSTER_ID, SimCluster
from tests.simulation.invariants import Violation, always
from tests.simulation.loop import Deadlock, VirtualClock, VirtualLoop

SEED = "11"


def played() -> str:
    """The log of one story, in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    arguments = [sys.executable, "-m", "tests.simulation.run", "--seed", SEED]
    return subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment).stdout


def test_a_seed_is_the_same_story_every_time() -> None:
    assert played() == played()


def test_time_passes_only_when_nobody_has_anything_to_do() -> None:
    loop = VirtualLoop()

    async def a_day() -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(a_day()) == pytest.approx(86_400)


def test_waiting_for_nothing_is_a_deadlock() -> None:
    loop = VirtualLoop()
    with pytest.raises(Deadlock), asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asyncio.Event().wait())


def test_a_pod_that_runs_twice_is_noticed() -> None:
    loop = VirtualLoop()
    cluster = SimCluster(VirtualClock(loop), random.Random(1), 1, ("a", "b"))

    async def story() -> None:
        await cluster.start()
        pod = PodRef("default", "web", "uid-1")
        identity = Identity(pod, "c", Role.MEMBER, attempt=0, sandbox=0, spec_hash="", grace_s=1, backoff=0)
        for name, node in cluster.nodes.items():
            engine = FakeEngine(node.host, cluster=CLUSTER_ID, node=name)
            await engine.start(await engine.create(ContainerSpec(identity=identity, image="busybox")))
        try:
            with pytest.raises(Violation, match="running twice"):
                always(cluster)
        finally:
            await cluster.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story())
