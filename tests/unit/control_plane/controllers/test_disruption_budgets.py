"""What the disruption controller counts, and when it counts again."""

from typing import Any

import pytest

from control_plane.controllers.actions import Record, RequeueAfter, UpdateStatus
from control_plane.controllers.disruption import DisruptionController
from control_plane.objects.interface import ObjectKey
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from tests.support.deciding import attach, decided, step
from tests.support.model import Model

KEY = ObjectKey("PodDisruptionBudget", "shop", "web")
WEB = {"matchLabels": {"app": "web"}}


def world(replicas: int, ready: int, **spec: Any) -> tuple[Model, DisruptionController]:
    """A Deployment of `replicas` whose ReplicaSet has as many pods, so many of them ready, and a budget."""
    model, controller = Model(), DisruptionController()
    attach(model, controller)
    deployment = model.put_new(made(apps.Deployment, "web", {"replicas": replicas}))
    owner = owned_by("Deployment", deployment.metadata.uid)
    replica_set = model.put_new(made(apps.ReplicaSet, "web", {"replicas": replicas}, **owner))
    for number in range(replicas):
        pod = made(
            core.Pod,
            f"w{number}",
            {},
            labels={"app": "web"},
            **owned_by("ReplicaSet", replica_set.metadata.uid),
        )
        set_ready(pod, number < ready)
        model.put_new(pod)
    model.put_new(made(policy.PodDisruptionBudget, "web", {"selector": WEB, **spec}))
    return model, controller


def made(kind: type[Any], name: str, spec: dict[str, Any], **metadata: Any) -> Any:
    return from_dict({"metadata": {"name": name, "namespace": "shop", **metadata}, "spec": spec}, kind)


def owned_by(kind: str, uid: str, name: str = "web") -> dict[str, Any]:
    reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}
    return {"ownerReferences": [reference]}


def set_ready(pod: core.Pod, ready: bool) -> None:
    del pod.status.conditions[:]
    pod.status.conditions.add(type="Ready", status="True" if ready else "False")


def counted(model: Model, controller: DisruptionController) -> policy.PodDisruptionBudgetStatus:
    step(model, controller, KEY)
    return model.one(policy.PodDisruptionBudget, "shop", "web").status


def condition(status: policy.PodDisruptionBudgetStatus) -> tuple[str, str, str]:
    (found,) = status.conditions
    return found.status, found.reason, found.message


COUNTS = {
    # replicas, ready, spec -> expected, desired, current, allowed
    "minAvailable of all": (3, 3, {"minAvailable": 2}, (3, 2, 3, 1)),
    "minAvailable with one not ready": (3, 2, {"minAvailable": 2}, (3, 2, 2, 0)),
    "minAvailable above what there is": (3, 3, {"minAvailable": 5}, (3, 5, 3, 0)),
    "a share is rounded up": (3, 3, {"minAvailable": "50%"}, (3, 2, 3, 1)),
    "maxUnavailable": (4, 4, {"maxUnavailable": 1}, (4, 3, 4, 1)),
    "maxUnavailable share is rounded up": (5, 5, {"maxUnavailable": "30%"}, (5, 3, 5, 2)),
    "maxUnavailable above the scale": (2, 2, {"maxUnavailable": 9}, (2, 0, 2, 2)),
    "maxUnavailable 0": (2, 2, {"maxUnavailable": 0}, (2, 2, 2, 0)),
    "neither": (2, 2, {}, (2, 0, 2, 2)),
    "no pods": (0, 0, {"minAvailable": 0}, (0, 0, 0, 0)),
}


@pytest.mark.parametrize(("replicas", "ready", "spec", "counts"), COUNTS.values(), ids=COUNTS)
def test_counts(replicas: int, ready: int, spec: dict[str, Any], counts: tuple[int, ...]) -> None:
    model, controller = world(replicas, ready, **spec)
    status = counted(model, controller)
    found = (status.expectedPods, status.desiredHealthy, status.currentHealthy, status.disruptionsAllowed)
    assert found == counts
    assert (
        status.observedGeneration == model.one(policy.PodDisruptionBudget, "shop", "web").metadata.generation
    )
    reason = "SufficientPods" if counts[3] else "InsufficientPods"
    assert condition(status) == ("True" if counts[3] else "False", reason, "")
    assert decided(model, controller, KEY) == ()


def test_the_scale_is_the_deployments_not_the_pods_there_are() -> None:
    model, controller = world(4, 4, maxUnavailable="50%")
    model.remove(ObjectKey("Pod", "shop", "w3"))
    status = counted(model, controller)
    assert (status.expectedPods, status.desiredHealthy, status.disruptionsAllowed) == (4, 2, 1)


def test_pods_without_a_controller_count_for_minimums_alone() -> None:
    model, controller = world(0, 0, minAvailable=1)
    for number in range(2):
        bare = made(core.Pod, f"bare{number}", {}, labels={"app": "web"})
        set_ready(bare, True)
        model.put_new(bare)
    assert counted(model, controller).disruptionsAllowed == 1
    budget = model.one(policy.PodDisruptionBudget, "shop", "web")
    budget.spec.ClearField("minAvailable")
    budget.spec.maxUnavailable.intVal = 1
    model.put(budget)
    assert counted(model, controller).disruptionsAllowed == 0


@pytest.mark.parametrize(
    "owner",
    [
        owned_by("DaemonSet", "d"),
        owned_by("ReplicaSet", "another-uid"),
        owned_by("StatefulSet", "gone", "gone"),
    ],
)
def test_what_has_no_scale_allows_nothing_and_says_so_once(owner: dict[str, Any]) -> None:
    model, controller = world(2, 2, maxUnavailable=1)
    model.put_new(made(core.Pod, "odd", {}, labels={"app": "web"}, **owner))
    status = counted(model, controller)
    assert status.disruptionsAllowed == 0
    assert condition(status) == ("False", "SyncFailed", 'found no controllers for pod "odd"')
    assert decided(model, controller, KEY) == ()
    assert [event.reason for event in model.events] == ["CalculateExpectedPodCountFailed"]


def test_noted_evictions_count_until_their_pods_go_or_too_much_time_has_passed() -> None:
    model, controller = world(3, 3, minAvailable=1)
    counted(model, controller)
    budget = model.one(policy.PodDisruptionBudget, "shop", "web")
    budget.status.disruptedPods["w0"].seconds = int(model.now)
    budget.status.disruptedPods["gone"].seconds = int(model.now)
    model.put_status(budget)

    (update, later) = decided(model, controller, KEY)
    assert isinstance(update, UpdateStatus)
    assert later == RequeueAfter(120.0)
    status = counted(model, controller)
    assert (list(status.disruptedPods), status.currentHealthy, status.disruptionsAllowed) == (["w0"], 2, 1)

    model.now += 121
    status = counted(model, controller)
    assert (list(status.disruptedPods), status.disruptionsAllowed) == ([], 2)


def test_pods_on_their_way_out_are_not_healthy() -> None:
    model, controller = world(3, 3, minAvailable=1)
    pod = model.one(core.Pod, "shop", "w0")
    pod.metadata.finalizers.append("example.com/held")
    model.put(pod)
    model.remove(ObjectKey("Pod", "shop", "w0"))
    assert counted(model, controller).disruptionsAllowed == 1


def test_which_changes_are_counted_again() -> None:
    model, controller = world(1, 1, minAvailable=1)
    keys = attach(model, controller)
    keys.clear()
    model.put_new(made(core.Pod, "other", {}, labels={"app": "db"}))
    assert keys == []
    pod = model.one(core.Pod, "shop", "w0")
    pod.metadata.labels["app"] = "db"
    model.put(pod)  # matched before
    assert keys == [KEY]
    keys.clear()
    deployment = model.one(apps.Deployment, "shop", "web")
    deployment.metadata.labels["a"] = "b"
    deployment = model.put(deployment)
    assert keys == []
    deployment.spec.replicas = 5
    model.put(deployment)
    assert keys == [KEY]
    model.remove(KEY)
    keys.clear()
    model.put_new(made(core.Pod, "late", {}, labels={"app": "web"}))
    assert keys == []
    assert decided(model, controller, KEY) == ()


def test_a_budget_for_nothing_says_so_once() -> None:
    model, controller = world(0, 0, minAvailable=1)
    actions = decided(model, controller, KEY)
    assert [action.reason for action in actions if isinstance(action, Record)] == ["NoPods"]
    counted(model, controller)
    assert decided(model, controller, KEY) == ()
