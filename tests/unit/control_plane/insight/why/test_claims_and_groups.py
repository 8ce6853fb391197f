"""What is said of claims without a volume, and of groups whose pods have no nodes."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from control_plane.insight.why.claims import claim
from control_plane.insight.why.groups import pod_group
from control_plane.volumes.taking import TAKEN_AT
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from knarr.proto.services import insight_service_pb2 as wire
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_pod

ONCE = ["ReadWriteOnce"]


def a_claim(phase: str = "Pending", size: str = "2Gi", **spec: Any) -> core.PersistentVolumeClaim:
    body = {
        "metadata": {"name": "data", "namespace": "default", "uid": "1"},
        "spec": {
            "accessModes": ONCE,
            "storageClassName": "local",
            "resources": {"requests": {"storage": size}},
            **spec,
        },
        "status": {"phase": phase},
    }
    return from_dict(body, core.PersistentVolumeClaim)


def a_volume(
    name: str = "v", size: str = "2Gi", phase: str = "Available", **spec: Any
) -> core.PersistentVolume:
    body = {
        "metadata": {"name": name, "labels": {"disk": "hdd"}},
        "spec": {"accessModes": ONCE, "storageClassName": "local", "capacity": {"storage": size}, **spec},
        "status": {"phase": phase},
    }
    return from_dict(body, core.PersistentVolume)


def a_class(mode: str) -> storage.StorageClass:
    return from_dict({"metadata": {"name": "local"}, "volumeBindingMode": mode}, storage.StorageClass)


def deleted() -> core.PersistentVolumeClaim:
    made = a_claim("Bound")
    made.metadata.deletionTimestamp.seconds = 1
    return made


def held() -> core.PersistentVolume:
    made = a_volume(claimRef={"namespace": "default", "name": "other", "uid": "2"})
    made.metadata.annotations[TAKEN_AT] = "2026-01-31T08:00:00Z"
    return made


LATE, AT_ONCE = a_class("WaitForFirstConsumer"), a_class("Immediate")
OTHER = {"namespace": "default", "name": "other", "uid": "2"}
MAKE = "create a PersistentVolume with 2Gi, of class local, with ReadWriteOnce"
NOTHING_FREE = "no free volume has what it asks for"


@dataclass(frozen=True)
class Case:
    claim: core.PersistentVolumeClaim
    verdict: wire.Verdict.ValueType
    summary: str
    details: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    volumes: list[core.PersistentVolume] = field(default_factory=list)
    storage_class: storage.StorageClass | None = field(default_factory=lambda: LATE)
    pods: list[core.Pod] = field(default_factory=list)


def lacking(volume: core.PersistentVolume, said: str, **spec: Any) -> Case:
    return Case(a_claim(**spec), wire.STUCK, NOTHING_FREE, [f"volume v {said}"], [MAKE], [volume])


CASES = {
    "bound": Case(a_claim("Bound", volumeName="v"), wire.WELL, "it is bound to the volume v"),
    "lost": Case(a_claim("Lost", volumeName="v"), wire.STUCK, "its volume v is gone, or is another claim's"),
    "deleted": Case(deleted(), wire.TERMINATING, "it was deleted, and waits for p", pods=[make_pod("p")]),
    "no such class": Case(
        a_claim(),
        wire.STUCK,
        "its storage class local does not exist",
        [],
        ["create the StorageClass local, or name another"],
        storage_class=None,
    ),
    "no such volume": Case(
        a_claim(volumeName="w"),
        wire.STUCK,
        "it names the volume w, which does not exist",
        volumes=[a_volume()],
    ),
    "its volume is another's": Case(
        a_claim(volumeName="v"),
        wire.STUCK,
        "the volume v, which it names, is kept for the claim default/other",
        volumes=[a_volume(claimRef=OTHER)],
    ),
    "nobody uses it": Case(
        a_claim(),
        wire.IDLE,
        "it gets a volume when a pod that uses it gets a node, and no pod does",
        ["v would do"],
        volumes=[a_volume()],
    ),
    "its pod has no node": Case(
        a_claim(),
        wire.STUCK,
        "it gets a volume when a pod that uses it gets a node",
        ["v would do"],
        volumes=[a_volume()],
        pods=[make_pod("p")],
    ),
    "its pod has a node that reaches none": Case(
        a_claim(),
        wire.STUCK,
        "its pods are on n1, which must reach one of the free volumes",
        ["but for that v would do"],
        [f"{MAKE}, on n1; or let the scheduler choose the node"],
        volumes=[a_volume()],
        pods=[make_pod("p", node="n1")],
    ),
    "about to be bound": Case(
        a_claim(),
        wire.PROGRESSING,
        "it is about to be bound: v would do",
        volumes=[a_volume()],
        storage_class=AT_ONCE,
    ),
    "no volumes": Case(
        a_claim(),
        wire.STUCK,
        NOTHING_FREE,
        ["there are no volumes at all, and nothing here makes any"],
        [MAKE],
    ),
    "no class, no volume": Case(
        a_claim(storageClassName=""),
        wire.STUCK,
        NOTHING_FREE,
        ["volume v is of class local, not of no class"],
        ["create a PersistentVolume with 2Gi, of no class, with ReadWriteOnce"],
        [a_volume()],
        None,
    ),
    "too small": lacking(a_volume(size="1Gi"), "has 1Gi, less than the 2Gi that it asks for"),
    "another class": lacking(a_volume(storageClassName="ssd"), "is of class ssd, not of class local"),
    "another's": lacking(a_volume(claimRef=OTHER), "is kept for the claim default/other"),
    "held for another": lacking(
        held(), "is held for the claim default/other until its pod has a node, 120 s at most"
    ),
    "released": lacking(
        a_volume(phase="Released", claimRef=OTHER),
        "is Released by the claim default/other: look after what it holds, then remove spec.claimRef",
    ),
    "access modes": lacking(a_volume(accessModes=["ReadOnlyMany"]), "lacks the access mode ReadWriteOnce"),
    "block": lacking(a_volume(volumeMode="Block"), "has the volumeMode Block"),
    "labels": lacking(
        a_volume(), "has not the labels that it selects", selector={"matchLabels": {"disk": "ssd"}}
    ),
    "many volumes": Case(
        a_claim(),
        wire.STUCK,
        NOTHING_FREE,
        [
            *(
                f"volume v{number} has {number}Mi, less than the 2Gi that it asks for"
                for number in (7, 6, 5, 4, 3)
            ),
            "and 2 volumes more",
        ],
        [MAKE],
        [a_volume(f"v{number}", size=f"{number}Mi") for number in range(1, 8)],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_said_of_a_claim(case: Case) -> None:
    answer, worst = claim(case.claim, case.storage_class, case.volumes, case.pods)
    assert (answer.verdict, answer.summary) == (case.verdict, case.summary)
    assert (list(answer.details), list(answer.remedies)) == (case.details, case.remedies)
    assert (worst is not None) == ("when a pod that uses it gets a node" in case.summary and bool(case.pods))


def a_group(least: int) -> scheduling.PodGroup:
    policy = {"gang": {"minCount": least}} if least else {"basic": {}}
    body = {"metadata": {"name": "train", "namespace": "default"}, "spec": {"schedulingPolicy": policy}}
    return from_dict(body, scheduling.PodGroup)


@pytest.mark.parametrize(
    ("least", "nodes", "verdict", "summary", "asked_about"),
    [
        (3, [], wire.IDLE, "no pod has spec.schedulingGroup.podGroupName train", ""),
        (
            3,
            [""],
            wire.STUCK,
            "0 of 1 pods that name it have nodes, and it gets nodes for 3 at once or for none",
            "p0",
        ),
        (
            2,
            ["a", ""],
            wire.STUCK,
            "1 of 2 pods that name it have nodes, and it gets nodes for 2 at once or for none",
            "p1",
        ),
        (
            2,
            ["a", "b"],
            wire.WELL,
            "2 of 2 pods that name it have nodes, and it gets nodes for 2 at once or for none",
            "p0",
        ),
        (0, ["a", ""], wire.STUCK, "1 of 2 pods that name it have nodes", "p1"),
    ],
    ids=["no pods", "too few", "one waits", "all run", "no gang"],
)
def test_what_is_said_of_a_group(
    least: int, nodes: list[str], verdict: wire.Verdict.ValueType, summary: str, asked_about: str
) -> None:
    pods = [make_pod(f"p{number}", node=node) for number, node in enumerate(nodes)]
    answer, worst = pod_group(a_group(least), pods)
    assert (answer.verdict, answer.summary) == (verdict, summary)
    assert (worst.metadata.name if worst else "") == asked_about
