"""kill -9 in the middle of a rollout of 20 pods: of the control plane, of an agent, of etcd.

Whatever dies, the rollout ends right, no container that ran is restarted by it, and no pod runs twice.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from knarr.api.codec import from_dict
from knarr.client import Client
from knarr.errors import ApiError, Conflict
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.cluster import RealCluster, is_ready, running_containers, until

pytestmark = [pytest.mark.docker, pytest.mark.etcd, pytest.mark.timeout(420)]

PODS = 20
ROUNDS = 10
ROLLOUT_TIMEOUT_S = 90.0


def deployment(generation: int) -> apps.Deployment:
    """20 pods that end at once when they are told to; each generation has another template."""
    value = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": PODS,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "hostNetwork": True,
                    "terminationGracePeriodSeconds": 5,
                    "containers": [
                        {
                            "name": "c",
                            "image": "busybox",
                            "imagePullPolicy": "IfNotPresent",
                            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"],
                            "env": [{"name": "GENERATION", "value": str(generation)}],
                        }
                    ],
                },
            },
        },
    }
    return from_dict(value, apps.Deployment)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[RealCluster]:
    made = RealCluster(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await asyncio.to_thread(made.stop)


async def rolled_out(cluster: RealCluster, generation: int) -> None:
    """Wait until exactly 20 pods of this generation run, and nothing else."""

    async def done() -> bool:
        async with await cluster.client() as client:
            found = await client.get(apps.Deployment, "default", "web")
            pods = (await client.list(core.Pod, "default", labels="app=web")).items
        status = found.status
        return (
            status.observedGeneration == found.metadata.generation
            and status.replicas == status.updatedReplicas == status.availableReplicas == PODS
            and len(pods) == PODS
            and all(is_ready(pod) and of_generation(pod) == generation for pod in pods)
        )

    await until(done, ROLLOUT_TIMEOUT_S, f"generation {generation} rolled out\n{cluster.logs()}")


def of_generation(pod: core.Pod) -> int:
    return int(pod.spec.containers[0].env[0].value)


async def begin(cluster: RealCluster, generation: int) -> None:
    async with await cluster.client() as client:
        for _ in range(20):
            try:
                current = await client.get(apps.Deployment, "default", "web")
                current.spec.template.CopyFrom(deployment(generation).spec.template)
                await client.update(current)
                return
            except Conflict:
                continue
    raise AssertionError("the deployment changes all the time")


async def half_way(cluster: RealCluster, generation: int, share: float) -> None:
    """Wait until a share of the new pods run."""

    async def some() -> bool:
        async with await cluster.client() as client:
            pods = (await client.list(core.Pod, "default", labels="app=web")).items
        ready = [pod for pod in pods if of_generation(pod) == generation and is_ready(pod)]
        return len(ready) >= PODS * share

    await until(some, ROLLOUT_TIMEOUT_S, f"{share:.0%} of generation {generation}\n{cluster.logs()}")


async def no_pod_runs_twice_or_again(cluster: RealCluster) -> None:
    """Each pod has one running container, and no container was ever started a second time."""
    async with await cluster.client() as client:
        pods = (await client.list(core.Pod, "default", labels="app=web")).items
        info = await client.server_info()
    restarts = {pod.metadata.name: pod.status.containerStatuses[0].restartCount for pod in pods}
    assert set(restarts.values()) == {0}, restarts
    running = await asyncio.to_thread(running_containers, cluster.nodes, info.cluster_id)
    assert sorted(found.pod_uid for found in running) == sorted(pod.metadata.uid for pod in pods)


async def kill_server(cluster: RealCluster) -> None:
    cluster.kill("server")
    cluster.start_server()


async def kill_agent(cluster: RealCluster) -> None:
    cluster.kill("alpha")
    cluster.start_agent("alpha")


async def kill_etcd(cluster: RealCluster) -> None:
    cluster.kill_etcd()


@pytest.mark.parametrize("kill", [kill_server, kill_agent, kill_etcd])
async def test_rollout_survives(cluster: RealCluster, kill: Callable[[RealCluster], Awaitable[None]]) -> None:
    rng = random.Random(7)
    async with await cluster.client() as client:
        await create(client)
    await rolled_out(cluster, 0)
    info_of = await _cluster_id(cluster)
    for generation in range(1, ROUNDS + 1):
        await begin(cluster, generation)
        await half_way(cluster, generation, rng.choice((0.1, 0.3, 0.5, 0.7)))
        before = {
            found.id: found.started_at
            for found in await asyncio.to_thread(running_containers, cluster.nodes, info_of)
        }
        await kill(cluster)
        await rolled_out(cluster, generation)
        after = {
            found.id: found.started_at
            for found in await asyncio.to_thread(running_containers, cluster.nodes, info_of)
        }
        assert {key: after[key] for key in before.keys() & after.keys()} == {
            key: before[key] for key in before.keys() & after.keys()
        }
        await no_pod_runs_twice_or_again(cluster)


async def create(client: Client) -> None:
    """Create the deployment, once the first namespace is there."""

    async def created() -> bool:
        try:
            await client.create(deployment(0))
        except ApiError as error:
            return error.reason == "AlreadyExists"
        return True

    await until(created, 30.0, "the deployment is created")


async def _cluster_id(cluster: RealCluster) -> str:
    async with await cluster.client() as client:
        return (await client.server_info()).cluster_id
