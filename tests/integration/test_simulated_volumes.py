"""Claims and volumes of the whole cluster in virtual time: nothing that was written is given away or split,
no volume stays held for nobody, and no node mounts what it does not reach."""

import asyncio
import random

import pytest

from control_plane.api.api import WriteOptions
from knarr.api.codec import from_dict
from knarr.api.kinds import NODE, PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM, POD
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.simulation.cluster import SimCluster
from tests.simulation.invariants import pods_of
from tests.simulation.loop import VirtualClock, VirtualLoop
from tests.simulation.run import play
from tests.simulation.volumes import ShelfFiles, Shelves, VolumeStory, a_claim, a_pod

OPTIONS = WriteOptions("people")


@pytest.mark.parametrize("seed", range(24))
def test_volumes_survive_whatever_happens(seed: int) -> None:
    log, error = play(seed, VolumeStory)
    assert error is None, (error, log)


def test_a_node_mounts_what_it_reaches_and_nothing_else() -> None:
    """A claim that was bound before its pod came, to a volume of another zone; then the node's label is put
    right."""
    loop, shelves = VirtualLoop(), Shelves(places={"v": "node-1"})
    cluster = SimCluster(VirtualClock(loop), random.Random(1), 1, ("node-0", "node-1"))
    cluster.files = lambda node: ShelfFiles(node, shelves)

    def labelled(node: object) -> core.Node:
        assert isinstance(node, core.Node)
        node.metadata.labels["zone"] = "x"
        return node

    async def story() -> None:
        await cluster.start()
        await asyncio.sleep(3)
        plane = cluster.plane()
        assert plane is not None
        await plane.api.create(PERSISTENT_VOLUME, "", _zoned("v"), OPTIONS)
        await plane.api.create(PERSISTENT_VOLUME_CLAIM, "default", a_claim("data", ""), OPTIONS)
        await plane.api.create(POD, "default", a_pod("p", "data", "node-1"), OPTIONS)
        await asyncio.sleep(20)
        assert (shelves.written, _phase(cluster)) == ({}, "Pending")
        await plane.api.change(NODE, "", "node-1", labelled, OPTIONS)
        await asyncio.sleep(2)
        assert (shelves.written, _phase(cluster)) == ({"v": {"data"}}, "Running")
        await cluster.stop()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(story())


def _phase(cluster: SimCluster) -> str:
    (pod,) = pods_of(cluster.backend)
    return pod.status.phase


def _zoned(name: str) -> core.PersistentVolume:
    row = {"key": "zone", "operator": "In", "values": ["x"]}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "local": {"path": f"/srv/{name}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}},
    }
    return from_dict({"metadata": {"name": name}, "spec": spec}, core.PersistentVolume)
