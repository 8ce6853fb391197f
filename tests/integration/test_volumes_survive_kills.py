"""kill -9 of whoever schedules or binds claims, while pods with claims arrive, on a real etcd: each pod gets
a node and each claim a volume there, and what a dead scheduler had taken is let go."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from control_plane.volumes.matching import point_at
from control_plane.volumes.taking import TAKEN_AT, is_taken
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.cluster import until
from tests.support.replica_processes import Replicas, created, replicas
from tests.unit.control_plane.controllers.test_taken_volumes_are_settled import here
from tests.unit.control_plane.controllers.test_volume_binding import claim
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(180)]

ROLES = ("api", "scheduler", "controllers")
NODES, PER_NODE = 4, 8
PODS = NODES * PER_NODE - 4


async def test_each_pod_gets_a_volume_of_its_node(tmp_path: Path) -> None:
    async with replicas(tmp_path) as plane, await Client.dial([await plane.start("api")]) as client:
        for _ in range(2):
            await plane.start(*ROLES)
        await _furnish(client)
        await _leave_taken(client, "v-n0-0", "d0")
        arriving = asyncio.create_task(_arrive(client), name="arrive")
        try:
            for number, election in enumerate(("scheduler", "controllers", "scheduler"), 1):
                await until(partial(_are_there, client, 5 * number), 30, "pods arrive")
                await _replace_leader(plane, election)
            await arriving
            await until(lambda: _settled(client), 60, "all pods and claims are where they belong")
        finally:
            arriving.cancel()


async def _furnish(client: Client) -> None:
    local = storage.StorageClass(provisioner="kubernetes.io/no-provisioner")
    local.metadata.name, local.volumeBindingMode = "local", "WaitForFirstConsumer"
    await client.create(local)
    for number in range(NODES):
        node = make_node(f"n{number}")
        stored = await client.create(node)
        stored.status.CopyFrom(node.status)
        await client.update_status(stored)
        for index in range(PER_NODE):
            await client.create(here(f"v-n{number}-{index}", f"n{number}"))


async def _leave_taken(client: Client, volume_name: str, claim_name: str) -> None:
    """As a scheduler leaves it that died before it had bound the pod, some time ago."""
    asked = claim(claim_name, storageClassName="local")
    asked.metadata.namespace = "default"
    asked = await client.create(asked)
    volume = await client.get(core.PersistentVolume, "", volume_name)
    point_at(volume, asked)
    volume.metadata.annotations[TAKEN_AT] = "2026-01-31T08:00:00Z"
    await client.update(volume)


async def _arrive(client: Client) -> None:
    """Pods with a claim each; every fourth comes with its node, and the first must not run on n0."""
    for number in range(PODS):
        asked = claim(f"d{number}", storageClassName="local")
        asked.metadata.namespace = "default"
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": f"d{number}"}}]
        pod = make_pod(
            f"p{number}",
            node=f"n{number // 4 % NODES}" if number % 4 == 3 else "",
            volumes=volumes,
            tolerations=[{"operator": "Exists"}],  # nobody here says that the nodes are well
            nodeSelector={} if number else {"kubernetes.io/hostname": "n1"},
        )
        pod.metadata.ClearField("uid")
        for obj in (asked, pod):
            await created(client, obj)
        await asyncio.sleep(0.1)


async def _replace_leader(plane: Replicas, election: str) -> None:
    leader = ""

    async def leads() -> bool:
        nonlocal leader
        leader = await plane.leader(election)
        return leader in plane.addresses

    await until(leads, 30, f"a living replica leads {election}")
    await plane.start(*ROLES)
    plane.kill(leader)


async def _are_there(client: Client, pods: int) -> bool:
    return len((await client.list(core.Pod, "default")).items) >= pods


async def _settled(client: Client) -> bool:
    """Whether all are where they belong; raises AssertionError where two claims share a volume."""
    pods = (await client.list(core.Pod, "default")).items
    claims = {one.metadata.name: one for one in (await client.list(core.PersistentVolumeClaim)).items}
    volumes = (await client.list(core.PersistentVolume)).items
    given = [one.spec.volumeName for one in claims.values() if one.spec.volumeName]
    assert len(set(given)) == len(given)
    bound = {name: one.spec.volumeName for name, one in claims.items() if one.status.phase == "Bound"}
    return (
        len(pods) == len(bound) == PODS
        and all(bound[f"d{pod.metadata.name[1:]}"].startswith(f"v-{pod.spec.nodeName}-") for pod in pods)
        and not any(is_taken(volume) for volume in volumes)
    )
