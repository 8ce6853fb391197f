"""kill -9 of the scheduler that leads, while pods arrive: another goes on, and nothing is bound twice."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path

import pytest

from knarr.client import Client
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.replica_processes import created, replicas
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(180)]

SCHEDULER = ("api", "scheduler")
NODES, PODS, KILLS = 10, 420, 3  # as many pods as there is room for
TAKEOVER_S = 5.0
SLACK_S = 5.0  # of a machine that is busy with other tests


async def test_another_scheduler_takes_over(tmp_path: Path) -> None:
    async with replicas(tmp_path) as plane, await Client.dial([await plane.start("api")]) as client:
        for _ in range(2):
            await plane.start(*SCHEDULER)
        for number in range(NODES):
            await _add_node(client, f"n{number}")
        seen: dict[str, set[str]] = {}
        watching = asyncio.create_task(_watch(client, seen), name="watch")
        try:
            for part in range(KILLS):
                await plane.start(*SCHEDULER)  # two go on
                arriving = asyncio.create_task(_arrive(client, range(part, PODS, KILLS)), name="arrive")
                await _bound_more(seen, 20)
                leader = await plane.leader("scheduler")
                assert leader in plane.addresses
                plane.kill(leader)
                await _bound_more(seen, 1, TAKEOVER_S + SLACK_S)
                await arriving
            await _bound_more(seen, PODS - len(seen), 60)
        finally:
            watching.cancel()
        pods = (await client.list(core.Pod, "default")).items
    assert {pod.metadata.name: {pod.spec.nodeName} for pod in pods} == seen  # each to one node, ever
    assert Counter(pod.spec.nodeName for pod in pods) == {f"n{n}": PODS // NODES for n in range(NODES)}


async def _add_node(client: Client, name: str) -> None:
    node = make_node(name, pods=str(PODS // NODES))
    stored = await client.create(node)
    stored.status.CopyFrom(node.status)
    await client.update_status(stored)


async def _arrive(client: Client, numbers: range) -> None:
    """Pods one by one, each asked for until it is there."""
    for number in numbers:
        pod = make_pod(f"p{number}", labels={"app": "web"})
        pod.metadata.ClearField("uid")
        await created(client, pod)
        await asyncio.sleep(0.02)


async def _watch(client: Client, seen: dict[str, set[str]]) -> None:
    """Note every node that any pod was ever on."""
    while True:
        with contextlib.suppress(ApiError):
            for pod in (await client.list(core.Pod, "default")).items:
                if pod.spec.nodeName:
                    seen.setdefault(pod.metadata.name, set()).add(pod.spec.nodeName)
        await asyncio.sleep(0.05)


async def _bound_more(seen: dict[str, set[str]], count: int, deadline_s: float = 30.0) -> None:
    before = len(seen)
    async with asyncio.timeout(deadline_s):
        while len(seen) < before + count:  # noqa: ASYNC110 - what is seen comes from another process
            await asyncio.sleep(0.02)
