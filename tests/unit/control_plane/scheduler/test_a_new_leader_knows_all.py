"""A scheduler that begins on a cluster with many pods decides nothing before it knows all of them."""

import asyncio
import random

from prometheus_client import CollectorRegistry

from control_plane.objects.interface import Binding
from control_plane.objects.recorder import EventRecorder
from control_plane.scheduler.scheduler import Scheduler
from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.api import ApiWorld, api_world
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod, until

NODES, PODS_OF_A_NODE = 6, 100  # several times what the cache hands on at once


async def test_no_node_gets_more_pods_than_it_takes() -> None:
    async with api_world() as world:
        await _fill(world)
        for number in range(NODES):
            await world.writer.create(_pod(f"late-{number}"))
        clock, rng = SystemClock(), random.Random(1)
        recorder = EventRecorder(world.writer, clock, rng)
        scheduler = Scheduler(world.objects, world.writer, recorder, clock, rng, registry=CollectorRegistry())
        running = asyncio.create_task(scheduler.run(), name="scheduler")
        await until(lambda: scheduler.queue.parked + len(_late_on_nodes(world)) == NODES)
        running.cancel()
        await asyncio.wait({running})
        assert _late_on_nodes(world) == []


def _late_on_nodes(world: ApiWorld) -> list[str]:
    late = [world.objects.get(core.Pod, "default", f"late-{number}") for number in range(NODES)]
    return [pod.metadata.name for pod in late if pod is not None and pod.spec.nodeName]


async def _fill(world: ApiWorld) -> None:
    """All nodes are full, of pods that come after the late ones in the order of names."""
    for number in range(NODES):
        node = make_node(f"n{number}", pods=str(PODS_OF_A_NODE))
        stored = await world.writer.create(node)
        stored.status.CopyFrom(node.status)
        await world.writer.update_status(stored)
    names = [f"p{number}" for number in range(NODES * PODS_OF_A_NODE)]
    await world.writer.create_all([_pod(name) for name in names])
    bindings = [Binding("default", name, "", f"n{number % NODES}") for number, name in enumerate(names)]
    assert await world.writer.bind(bindings) == [None] * len(names)


def _pod(name: str) -> core.Pod:
    pod = make_pod(name)
    pod.metadata.ClearField("uid")
    return pod
