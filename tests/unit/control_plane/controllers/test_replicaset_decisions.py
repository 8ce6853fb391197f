"""What the ReplicaSet controller decides: a base and one change per case, the whole decision compared."""

from collections.abc import Callable, Sequence

import pytest

from control_plane.controllers.actions import (
    Action,
    Create,
    Failure,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
    delete,
)
from control_plane.controllers.pods import DELETION_COST, rank_for_deletion
from control_plane.controllers.replicaset import ReplicaSetController, ReplicaSetSnapshot, pod_of
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

NOW = 10_000.0


def replica_set(replicas: int = 2) -> apps.ReplicaSet:
    obj = apps.ReplicaSet()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.uid = "web", "default", "rs-uid"
    obj.metadata.generation = 3
    obj.spec.replicas = replicas
    obj.spec.selector.matchLabels["app"] = "web"
    obj.spec.template.metadata.labels["app"] = "web"
    obj.spec.template.metadata.annotations["note"] = "kept"
    obj.spec.template.spec.containers.add(name="web", image="web:1")
    return obj


def pod(name: str, *, owned: bool = True, ready_at: float | None = NOW - 100) -> core.Pod:
    obj = pod_of(replica_set())
    obj.metadata.generateName = ""
    obj.metadata.name, obj.metadata.uid = name, f"uid-{name}"
    obj.metadata.creationTimestamp.seconds = int(NOW - 200)
    obj.spec.nodeName, obj.status.phase = "alpha", "Running"
    if ready_at is not None:
        condition = obj.status.conditions.add(type="Ready", status="True")
        condition.lastTransitionTime.seconds = int(ready_at)
    if not owned:
        del obj.metadata.ownerReferences[:]
    return obj


def counted(
    obj: apps.ReplicaSet, total: int, ready: int, available: int, terminating: int = 0
) -> apps.ReplicaSet:
    copy = copy_of(obj)
    copy.status.CopyFrom(
        apps.ReplicaSetStatus(
            replicas=total,
            fullyLabeledReplicas=total,
            readyReplicas=ready,
            availableReplicas=available,
            terminatingReplicas=terminating,
            observedGeneration=3,
        )
    )
    return copy


def decided(
    obj: apps.ReplicaSet, pods: Sequence[core.Pod], failure: Failure | None = None
) -> tuple[Action, ...]:
    matching = frozenset(one.metadata.uid for one in pods if one.metadata.labels.get("app") == "web")
    snapshot = ReplicaSetSnapshot(obj, tuple(pods), matching, tuple(pods), failure)
    return ReplicaSetController().decide(snapshot, NOW)


def created(obj: apps.ReplicaSet) -> Record:
    return Record(obj, "Normal", "SuccessfulCreate", "Created pod: {name}")


def deleted(obj: apps.ReplicaSet) -> Record:
    return Record(obj, "Normal", "SuccessfulDelete", "Deleted pod: {name}")


def test_nothing_to_do_is_nothing_done() -> None:
    obj = counted(replica_set(), 2, 2, 2)
    assert decided(obj, [pod("a"), pod("b")]) == ()


def test_missing_pods_are_created_from_the_template() -> None:
    obj = counted(replica_set(3), 1, 1, 1)
    new = core.Pod(spec=obj.spec.template.spec)
    new.metadata.generateName, new.metadata.namespace = "web-", "default"
    new.metadata.labels["app"] = "web"
    new.metadata.annotations["note"] = "kept"
    new.metadata.ownerReferences.add(
        apiVersion="apps/v1",
        kind="ReplicaSet",
        name="web",
        uid="rs-uid",
        controller=True,
        blockOwnerDeletion=True,
    )
    assert decided(obj, [pod("a")]) == (Create(new, created(obj)), Create(new, created(obj)))


def test_one_decision_creates_no_more_than_a_burst() -> None:
    assert len(decided(counted(replica_set(2000), 0, 0, 0), [])) == 500


def test_surplus_pods_are_deleted_the_worst_first() -> None:
    obj = counted(replica_set(1), 3, 2, 2)
    late = pod("late", ready_at=None)
    actions = decided(obj, [pod("a", ready_at=NOW - 5000), late, pod("b")])
    assert actions == (delete(late, deleted(obj)), delete(pod("b"), deleted(obj)))


def test_pods_that_terminate_or_are_finished_are_replaced() -> None:
    obj = counted(replica_set(2), 1, 1, 1, terminating=1)
    going, failed = pod("going"), pod("failed")
    going.metadata.deletionTimestamp.seconds = int(NOW)
    failed.status.phase = "Failed"
    assert decided(obj, [pod("a"), going, failed]) == (Create(pod_of(obj), created(obj)),)


def test_a_pod_that_matches_and_nobody_controls_is_adopted() -> None:
    obj = counted(replica_set(2), 2, 2, 2)
    assert decided(obj, [pod("a"), pod("b", owned=False)]) == (Update(pod("b")),)


def test_a_pod_that_no_longer_matches_is_released_and_replaced() -> None:
    obj = counted(replica_set(2), 1, 1, 1)
    other = pod("b")
    other.metadata.labels["app"] = "debug"
    freed = copy_of(other)
    del freed.metadata.ownerReferences[:]
    assert decided(obj, [pod("a"), other]) == (Update(freed), Create(pod_of(obj), created(obj)))


def test_a_replica_set_that_is_deleted_only_counts() -> None:
    obj = replica_set(5)
    obj.metadata.deletionTimestamp.seconds = int(NOW)
    assert decided(obj, [pod("a"), pod("b", owned=False)]) == (UpdateStatus(counted(obj, 1, 1, 1)),)


def test_a_pod_becomes_available_after_min_ready_seconds() -> None:
    obj = replica_set(2)
    obj.spec.minReadySeconds = 30
    assert decided(obj, [pod("a", ready_at=NOW - 31), pod("b", ready_at=NOW - 10)]) == (
        UpdateStatus(counted(obj, 2, 2, 1)),
        RequeueAfter(20.0),
    )


def test_a_failure_is_said_before_it_is_tried_again_and_once() -> None:
    obj = counted(replica_set(1), 0, 0, 0)
    failure = Failure("Create", "exceeded quota")
    said = copy_of(obj)
    condition = said.status.conditions.add(
        type="ReplicaFailure", status="True", reason="FailedCreate", message="exceeded quota"
    )
    condition.lastTransitionTime.seconds = int(NOW)
    create = Create(pod_of(obj), created(obj))
    told = Record(obj, "Warning", "FailedCreate", "exceeded quota")
    assert decided(obj, [], failure) == (UpdateStatus(said), told, create)
    assert decided(said, [], failure) == (Create(pod_of(said), created(said)),)
    assert decided(said, [pod("a")]) == (UpdateStatus(counted(obj, 1, 1, 1)),)


def unassigned(one: core.Pod) -> None:
    one.spec.nodeName = ""


def pending(one: core.Pod) -> None:
    one.status.phase = "Pending"


def unknown(one: core.Pod) -> None:
    one.status.phase = "Unknown"


def not_ready(one: core.Pod) -> None:
    one.status.conditions[0].status = "False"


def cheap(one: core.Pod) -> None:
    one.metadata.annotations[DELETION_COST] = "-1"


def doubled(one: core.Pod) -> None:
    one.spec.nodeName = "crowded"


def lately_ready(one: core.Pod) -> None:
    one.status.conditions[0].lastTransitionTime.seconds = int(NOW - 1)


def restarted(one: core.Pod) -> None:
    one.status.containerStatuses.add(name="web", restartCount=3)


def sidecar_restarted(one: core.Pod) -> None:
    one.spec.initContainers.add(name="mesh", restartPolicy="Always")
    one.status.initContainerStatuses.add(name="mesh", restartCount=1)


def newer(one: core.Pod) -> None:
    one.metadata.creationTimestamp.seconds = int(NOW - 2)


WORSE: list[Callable[[core.Pod], None]] = [
    unassigned,
    pending,
    unknown,
    not_ready,
    cheap,
    doubled,
    lately_ready,
    restarted,
    sidecar_restarted,
    newer,
]


@pytest.mark.parametrize("change", WORSE, ids=lambda change: change.__name__)
def test_which_pod_goes_first(change: Callable[[core.Pod], None]) -> None:
    worse = pod("z")
    change(worse)
    for pods in ([pod("a"), worse], [worse, pod("a")]):
        assert rank_for_deletion(pods, {"crowded": 2, "alpha": 1}, NOW)[0] == worse


def test_an_earlier_reason_outweighs_all_later_ones() -> None:
    ranked: list[core.Pod] = []
    for number, change in enumerate(WORSE):
        one = pod(f"p{number}")
        change(one)
        if change is unassigned:
            ranked.insert(0, one)
        else:
            ranked.append(one)
    ranked.append(pod("plain"))
    result = rank_for_deletion(list(reversed(ranked)), {"crowded": 2, "alpha": 1}, NOW)
    assert [one.metadata.name for one in result] == [one.metadata.name for one in ranked]


def test_pods_of_about_one_age_are_taken_by_uid() -> None:
    first, second = pod("b", ready_at=NOW - 100), pod("a", ready_at=NOW - 110)
    assert rank_for_deletion([first, second], {}, NOW) == [second, first]


def test_a_deletion_cost_that_is_no_number_is_none() -> None:
    odd = pod("a")
    odd.metadata.annotations[DELETION_COST] = "cheap"
    assert rank_for_deletion([odd, pod("b")], {}, NOW) == [odd, pod("b")]
