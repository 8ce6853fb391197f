"""VolumeBinding as documented: claims, volumes that only some nodes reach, and classes that wait for the pod.

Source: kubernetes.io/docs/concepts/storage/persistent-volumes and …/storage-classes.
"""

from typing import Any

import pytest

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed
from control_plane.scheduler.profiles import DEFAULT
from control_plane.volumes.taking import TAKEN_AT
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.unit.control_plane.scheduler.objects_for_scheduling import ZONE, Bench, make_pod
from tests.unit.control_plane.scheduler.tables.asking import bench, fitting, why, zoned

LOCAL = "local"


def volume(
    name: str, zone: str = "", size: str = "1Gi", claim: str = "", taken: bool = False, **spec: Any
) -> core.PersistentVolume:
    body: dict[str, Any] = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "local": {"path": "/srv"},
        "storageClassName": LOCAL,
        **spec,
    }
    if zone:
        row = {"key": ZONE, "operator": "In", "values": [zone]}
        body["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}}
    if claim:
        body["claimRef"] = {"namespace": "default", "name": claim, "uid": f"uid-{claim}"}
    annotations = {TAKEN_AT: "2026-01-31T08:00:00Z"} if taken else {}
    return from_dict(
        {"metadata": {"name": name, "annotations": annotations}, "spec": body}, core.PersistentVolume
    )


def claim(
    name: str, bound: str = "", size: str = "1Gi", of_class: str = LOCAL, phase: str = "", going: bool = False
) -> core.PersistentVolumeClaim:
    body: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": of_class,
        "volumeName": bound,
    }
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    made = from_dict({"metadata": metadata, "spec": body}, core.PersistentVolumeClaim)
    made.status.phase = phase or ("Bound" if bound else "Pending")
    if going:
        made.metadata.deletionTimestamp.seconds = 1
    return made


def cluster(*objects: core.PersistentVolume | core.PersistentVolumeClaim) -> Bench:
    """Nodes a1, a2 and b1 in zones a and b; a class that waits."""
    found = bench(*zoned("a", "a", "b"))
    known = found.cluster.storage
    known.put_class(LOCAL, storage.StorageClass(volumeBindingMode="WaitForFirstConsumer"))
    for obj in objects:
        if isinstance(obj, core.PersistentVolume):
            known.put_volume(obj.metadata.name, obj)
        else:
            known.put_claim(("default", obj.metadata.name), obj)
    return found


def claiming(*claims: str, name: str = "p", **spec: Any) -> core.Pod:
    volumes = [
        {"name": f"v{number}", "persistentVolumeClaim": {"claimName": each}}
        for number, each in enumerate(claims)
    ]
    return make_pod(name, volumes=volumes, **spec)


A, B, ALL = ["a1", "a2"], ["b1"], ["a1", "a2", "b1"]
Objects = list[core.PersistentVolume | core.PersistentVolumeClaim]
CONFLICT = "node(s) had volume node affinity conflict"
NONE_FREE = "node(s) didn't find available persistent volumes to bind"
CASES: dict[str, tuple[Objects, list[str], list[str], list[str]]] = {
    # what there is, the pod's claims -> the nodes that take it, and else the reasons
    "no claims": ([], [], ALL, []),
    "a claim that is not there": ([], ["x"], [], ['3 persistentvolumeclaim "x" not found']),
    "bound to a volume of a zone": ([volume("v", "a", claim="x"), claim("x", "v")], ["x"], A, []),
    "bound to a volume that all nodes reach": ([volume("v", claim="x"), claim("x", "v")], ["x"], ALL, []),
    "bound to two volumes of one zone": (
        [volume("v", "a"), volume("w", "a"), claim("x", "v"), claim("y", "w")],
        ["x", "y"],
        A,
        [],
    ),
    "bound to volumes of two zones": (
        [volume("v", "a"), volume("w", "b"), claim("x", "v"), claim("y", "w")],
        ["x", "y"],
        [],
        [f"3 {CONFLICT}"],
    ),
    "bound to a volume of a zone without nodes": (
        [volume("v", "c"), claim("x", "v")],
        ["x"],
        [],
        [f"3 {CONFLICT}"],
    ),
    "bound to a volume that is gone": (
        [claim("x", "v")],
        ["x"],
        [],
        ["3 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"],
    ),
    "lost": (
        [claim("x", "v", phase="Lost")],
        ["x"],
        [],
        ['3 persistentvolumeclaim "x" bound to non-existent persistentvolume "v"'],
    ),
    "being deleted": (
        [volume("v"), claim("x", "v", going=True)],
        ["x"],
        [],
        ['3 persistentvolumeclaim "x" is being deleted'],
    ),
    "a class that does not wait, not bound yet": (
        [volume("v", storageClassName=""), claim("x", of_class="")],
        ["x"],
        [],
        ["3 pod has unbound immediate PersistentVolumeClaims"],
    ),
    "names a volume that is not its yet": (
        [volume("v"), claim("x", "v", phase="Pending")],
        ["x"],
        [],
        ["3 pod has unbound immediate PersistentVolumeClaims"],
    ),
    "waits: where a volume is free": ([volume("v", "b"), claim("x")], ["x"], B, []),
    "waits: where any of several is": ([volume("v", "b"), volume("w", "a"), claim("x")], ["x"], ALL, []),
    "waits: none is free": ([claim("x")], ["x"], [], [f"3 {NONE_FREE}"]),
    "waits: taken ones are not free": ([volume("v", claim="y"), claim("x")], ["x"], [], [f"3 {NONE_FREE}"]),
    "waits: the one that is kept for it": (
        [volume("v", "b", claim="x"), volume("w", "a"), claim("x")],
        ["x"],
        B,
        [],
    ),
    "waits: the one that was taken for it, or a free one": (
        [volume("v", "b", claim="x", taken=True), volume("w", "a"), claim("x")],
        ["x"],
        ALL,
        [],
    ),
    "waits: kept for good before taken": (
        [volume("v", "b", claim="x"), volume("w", "a", claim="x", taken=True), claim("x")],
        ["x"],
        B,
        [],
    ),
    "waits: taken for another is not free": (
        [volume("v", "b", claim="y", taken=True), claim("x")],
        ["x"],
        [],
        [f"3 {NONE_FREE}"],
    ),
    "waits: too small": ([volume("v"), claim("x", size="2Gi")], ["x"], [], [f"3 {NONE_FREE}"]),
    "waits: large enough in one zone": (
        [volume("v", "a"), volume("w", "b", size="2Gi"), claim("x", size="2Gi")],
        ["x"],
        B,
        [],
    ),
    "waits: another class": (
        [volume("v", storageClassName="fast"), claim("x")],
        ["x"],
        [],
        [f"3 {NONE_FREE}"],
    ),
    "two that wait need two volumes": (
        [volume("v", "a"), claim("x"), claim("y")],
        ["x", "y"],
        [],
        [f"3 {NONE_FREE}"],
    ),
    "two that wait and two volumes of a zone": (
        [volume("v", "a"), volume("w", "a"), volume("u", "b"), claim("x"), claim("y")],
        ["x", "y"],
        A,
        [],
    ),
    "one bound, one that waits": (
        [volume("v", "a", claim="x"), volume("w", "a"), volume("u", "b"), claim("x", "v"), claim("y")],
        ["x", "y"],
        A,
        [],
    ),
    "one bound, free volumes elsewhere": (
        [volume("v", "a", claim="x"), volume("u", "b"), claim("x", "v"), claim("y")],
        ["x", "y"],
        [],
        [f"1 {CONFLICT}", f"2 {NONE_FREE}"],
    ),
}


@pytest.mark.parametrize(("objects", "claims", "nodes", "reasons"), CASES.values(), ids=CASES)
def test_volumes(objects: Objects, claims: list[str], nodes: list[str], reasons: list[str]) -> None:
    found = cluster(*objects)
    assert fitting(found, claiming(*claims)) == nodes
    assert why(found, claiming(*claims)) == reasons


def placed(found: Bench, pod: core.Pod) -> PendingPod:
    (decision,) = decide(found.cluster, [found.pending(pod)], DEFAULT)
    assert isinstance(decision, Placed)
    return decision.pod


def test_a_placed_pod_keeps_its_volume_from_others_until_it_goes() -> None:
    found = cluster(volume("v", "a"), volume("w", "b"), claim("x"), claim("y"), claim("z"))
    first = placed(found, claiming("x", name="first", nodeSelector={ZONE: "a"}))
    assert found.cluster.storage.kept_for(first.key) == {("default", "x"): "v"}
    assert fitting(found, claiming("y")) == B
    second = placed(found, claiming("y", name="second"))
    assert why(found, claiming("z")) == [f"3 {NONE_FREE}"]
    found.cluster.undo(first.key, first.uid)
    assert fitting(found, claiming("z")) == A
    found.cluster.undo(second.key, second.uid)
    assert fitting(found, claiming("z")) == ALL


def test_the_smallest_volume_that_will_do_is_kept() -> None:
    found = cluster(volume("huge", size="9Gi"), volume("right", size="2Gi"), claim("x", size="2Gi"))
    pod = placed(found, claiming("x"))
    assert found.cluster.storage.kept_for(pod.key) == {("default", "x"): "right"}


def test_pods_of_one_claim_go_where_the_first_went() -> None:
    found = cluster(volume("v", "a"), volume("w", "b"), claim("x"))
    pods = [found.pending(claiming("x", name=f"p{number}")) for number in range(4)]
    decisions = decide(found.cluster, pods, DEFAULT)
    zones = {decision.node[0] for decision in decisions if isinstance(decision, Placed)}
    assert len(zones) == 1
    assert all(isinstance(decision, Placed) for decision in decisions)


def test_what_was_taken_is_taken_again_rather_than_another() -> None:
    found = cluster(volume("v", size="2Gi", claim="x", taken=True), volume("w"), claim("x"))
    pod = placed(found, claiming("x"))
    assert found.cluster.storage.kept_for(pod.key) == {("default", "x"): "v"}


def test_where_a_pod_is_on_its_node_others_with_the_claim_follow_what_was_taken() -> None:
    """Another scheduler has placed it: this one has promised nothing."""
    found = cluster(volume("v", "b", claim="x", taken=True), volume("w", "a"), claim("x"))
    found.place(claiming("x", name="first", node="b1"))
    assert fitting(found, claiming("x")) == B
    found.cluster.remove_pod("default/first")
    assert fitting(found, claiming("x")) == ALL


def test_pods_that_share_a_claim_rely_on_the_same_promise() -> None:
    found = cluster(volume("v", "a"), volume("w", "b"), claim("x"))
    first = placed(found, claiming("x", name="first", nodeSelector={ZONE: "a"}))
    second = placed(found, claiming("x", name="second"))
    assert found.cluster.storage.kept_for(second.key) == {("default", "x"): "v"}
    found.cluster.undo(first.key, first.uid)
    assert fitting(found, claiming("x")) == A
    found.cluster.undo(second.key, second.uid)
    assert fitting(found, claiming("x")) == ALL


def test_a_bound_claim_counts_more_than_what_was_promised() -> None:
    found = cluster(volume("v", "a"), volume("w", "b"), claim("x"))
    placed(found, claiming("x", name="first", nodeSelector={ZONE: "a"}))
    found.cluster.storage.put_claim(("default", "x"), claim("x", "w"))
    assert fitting(found, claiming("x")) == B
