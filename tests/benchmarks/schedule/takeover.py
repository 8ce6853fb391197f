"""How long nothing is bound once the leading scheduler is killed: replicas as processes, a real etcd."""

import asyncio
import tempfile
import time
from pathlib import Path

from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.benchmarks.schedule.objects import NAMESPACE, basic_pod, make_node
from tests.support.bench import Report
from tests.support.replica_processes import Replicas, replicas

ROLES = ("api", "scheduler")
DEADLINE_S = 60.0


async def run(report: Report, nodes: int, kills: int) -> None:
    """`schedule.takeover.<nodes>n.{mean_s,most_s}`: from the kill to the binding of a pod created then."""
    with tempfile.TemporaryDirectory() as folder:
        async with replicas(Path(folder)) as plane, await Client.dial([await plane.start("api")]) as client:
            await asyncio.gather(plane.start(*ROLES), plane.start(*ROLES))
            for number in range(nodes):
                node = make_node(number)
                stored = await client.create(node)
                stored.status.CopyFrom(node.status)
                await client.update_status(stored)
            await _bound(client, basic_pod(0))
            gaps = [await _gap(plane, client, number) for number in range(1, kills + 1)]
    params = {"nodes": nodes, "kills": kills}
    report(f"schedule.takeover.{nodes}n.mean_s", sum(gaps) / kills, "s", **params)
    report(f"schedule.takeover.{nodes}n.most_s", max(gaps), "s", **params)


async def _gap(plane: Replicas, client: Client, number: int) -> float:
    leader = await plane.leader("scheduler")
    await plane.start(*ROLES)
    began = time.perf_counter()
    plane.kill(leader)
    await _bound(client, basic_pod(number))
    return time.perf_counter() - began


async def _bound(client: Client, pod: core.Pod) -> None:
    await client.create(pod)
    async with asyncio.timeout(DEADLINE_S):
        while not (await client.get(core.Pod, NAMESPACE, pod.metadata.name)).spec.nodeName:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
