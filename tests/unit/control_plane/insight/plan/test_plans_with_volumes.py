"""Plans of pods with claims: each gets a volume of its own, on a node that reaches it."""

from typing import Any

from knarr.proto.services import insight_service_pb2 as wire
from tests.unit.control_plane.insight.plan.planning import World, world

HOSTNAME = "kubernetes.io/hostname"
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local"},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}


def volume(name: str, node: str, size: str = "10Gi") -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [node]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "local": {"path": f"/data/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }


def claim(name: str, size: str = "5Gi") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "resources": {"requests": {"storage": size}},
        },
    }


def pod(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "containers": [{"name": "main", "image": "a"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
        },
    }


async def nodes(it: World) -> None:
    for name in ("a", "b", "c"):
        await it.node(name)
    await it.make(CLASS)


def places(answer: wire.PlanResponse) -> dict[str, str]:
    return {one.reference.name: one.node or one.message for one in answer.pods}


async def test_pods_go_to_the_volumes() -> None:
    async with world() as it:
        await nodes(it)
        await it.make(volume("v1", "b"))
        answer = await it.plan(claim("one"), pod("one"))
        assert places(answer) == {"one": "b"}


async def test_no_two_claims_get_one_volume() -> None:
    async with world() as it:
        await nodes(it)
        await it.make(volume("v1", "b"))
        answer = await it.plan(claim("one"), claim("two"), pod("one"), pod("two"), volume("v2", "c"))
        assert sorted(places(answer).values()) == ["b", "c"]
        fewer = await it.plan(claim("one"), claim("two"), pod("one"), pod("two"))
        assert sorted(places(fewer).values()) == [
            "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind.",
            "b",
        ]


async def test_a_claim_that_there_is_not() -> None:
    async with world() as it:
        await nodes(it)
        answer = await it.plan(pod("one"))
        assert places(answer) == {"one": '0/3 nodes are available: 3 persistentvolumeclaim "one" not found.'}
