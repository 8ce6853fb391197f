"""What is said of pods whose claims keep them off, and that a volume as it is suggested helps."""

import pytest

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Placed
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.why.advice import Advice, advise
from control_plane.scheduler.why.changes import PutVolume
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod


def claim(size: str = "5Gi", volume: str = "") -> core.PersistentVolumeClaim:
    return from_dict(
        {
            "metadata": {"name": "data", "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "local",
                "selector": {"matchLabels": {"tier": "fast"}},
                "resources": {"requests": {"storage": size}},
                **({"volumeName": volume} if volume else {}),
            },
            "status": {"phase": "Bound" if volume else "Pending"},
        },
        core.PersistentVolumeClaim,
    )


def volume(node: str, size: str = "10Gi") -> core.PersistentVolume:
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]
    return from_dict(
        {
            "metadata": {"name": "v1", "labels": {"tier": "fast"}},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "local",
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            },
        },
        core.PersistentVolume,
    )


def bench(
    *nodes: core.Node,
    claim: core.PersistentVolumeClaim | None = None,
    volume: core.PersistentVolume | None = None,
    mode: str = "WaitForFirstConsumer",
) -> Bench:
    made = Bench(*nodes)
    of_class = from_dict({"metadata": {"name": "local"}, "volumeBindingMode": mode}, storage.StorageClass)
    made.cluster.storage.put_class("local", of_class)
    if claim is not None:
        made.cluster.storage.put_claim(("default", "data"), claim)
    if volume is not None:
        made.cluster.storage.put_volume("v1", volume)
    return made


POD = make_pod("p", volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}])
ADD = "add a volume of {} and class local, on a node that takes the pod, for claim data"
CASES: dict[str, tuple[Bench, list[str], list[str]]] = {
    "no such claim": (bench(make_node("a")), ['persistentvolumeclaim "data" not found'], []),
    "a claim that is to be bound first": (
        bench(make_node("a"), claim=claim(), mode="Immediate"),
        ["pod has unbound immediate PersistentVolumeClaims"],
        [],
    ),
    "no volume": (
        bench(make_node("a"), claim=claim()),
        ["has no free volume for the claim data"],
        [ADD.format("5Gi")],
    ),
    "volumes that are too small": (
        bench(make_node("a"), claim=claim("50Gi"), volume=volume("a")),
        ["has no free volume for the claim data"],
        [ADD.format("50Gi")],
    ),
    "a volume on a node that is cordoned": (
        bench(make_node("a"), make_node("b", unschedulable=True), claim=claim(), volume=volume("b")),
        ["is cordoned", "has no free volume for the claim data"],
        ["uncordon node b", ADD.format("5Gi")],
    ),
    "bound to a volume out of reach": (
        bench(
            make_node("a"), make_node("b", unschedulable=True), claim=claim(volume="v1"), volume=volume("b")
        ),
        ["is cordoned", "cannot reach the volume v1, to which the pod's claim is bound"],
        ["uncordon node b"],
    ),
}


def advice(bench: Bench) -> Advice:
    return advise(bench.cluster, POD, DEFAULT)


@pytest.mark.parametrize(("bench", "lacks", "helps"), CASES.values(), ids=CASES.keys())
def test_what_is_said_of_a_pod_with_a_claim(bench: Bench, lacks: list[str], helps: list[str]) -> None:
    found = advice(bench)
    assert sorted(text for near in found.nearest for text in near.lacks) == sorted(lacks)
    assert [suggestion.proposal.text for suggestion in found.suggestions] == helps
    again = advice(bench)
    assert [suggestion.proposal.text for suggestion in again.suggestions] == helps


@pytest.mark.parametrize("name", ["no volume", "volumes that are too small"])
def test_the_volume_that_is_suggested_helps(name: str) -> None:
    bench = CASES[name][0]
    (suggestion,) = advice(bench).suggestions
    change = suggestion.proposal.change
    assert isinstance(change, PutVolume)
    bench.cluster.storage.put_volume(change.volume.metadata.name, change.volume)
    (decision,) = decide(bench.cluster, [bench.pending(POD)], DEFAULT)
    assert isinstance(decision, Placed)
    bench.cluster.undo(decision.pod.key, decision.pod.uid)
    bench.cluster.storage.put_volume(change.volume.metadata.name, None)
