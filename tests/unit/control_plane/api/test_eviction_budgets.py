"""Which budget decides about an eviction, and when it refuses."""

import pytest

from control_plane.api import eviction
from knarr.errors import ApiError, InternalError
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy

NOW = 1_000.0


def pod(*, phase: str = "Running", ready: bool = True, deleting: bool = False) -> core.Pod:
    made = core.Pod()
    made.metadata.name = "web-1"
    made.metadata.labels["app"] = "web"
    made.status.phase = phase
    made.status.conditions.add(type="Ready", status="True" if ready else "False")
    if deleting:
        made.metadata.deletionTimestamp.seconds = 5
    return made


def budget(
    name: str = "b",
    app: str | None = "web",
    *,
    allowed: int = 1,
    healthy: int = 3,
    desired: int = 2,
    unhealthy: str = "",
) -> policy.PodDisruptionBudget:
    made = policy.PodDisruptionBudget()
    made.metadata.name, made.metadata.generation = name, 4
    if app is not None:
        made.spec.selector.matchLabels["app"] = app
    if unhealthy:
        made.spec.unhealthyPodEvictionPolicy = unhealthy
    status = made.status
    status.observedGeneration, status.disruptionsAllowed = 4, allowed
    status.currentHealthy, status.desiredHealthy = healthy, desired
    return made


def everything() -> policy.PodDisruptionBudget:
    made = budget(app=None)
    made.spec.selector.SetInParent()
    return made


def unreadable() -> policy.PodDisruptionBudget:
    made = budget()
    made.spec.selector.matchExpressions.add(key="app", operator="Near")
    return made


CASES = {
    "covered": (pod(), [budget()], "b"),
    "of another app": (pod(), [budget(app="db")], None),
    "a budget without a selector covers nothing": (pod(), [budget(app=None)], None),
    "a budget with an empty selector covers all": (pod(), [everything()], "b"),
    "a budget whose selector cannot be read covers nothing": (pod(), [unreadable()], None),
    "the one of two that covers": (pod(), [budget("a", "db"), budget("c")], "c"),
}


@pytest.mark.parametrize(("evicted", "budgets", "covers"), CASES.values(), ids=CASES)
def test_which_budget_covers_a_pod(
    evicted: core.Pod, budgets: list[policy.PodDisruptionBudget], covers: str | None
) -> None:
    found = eviction.covering(evicted, budgets)
    assert (found.metadata.name if found else None) == covers


NOT_ASKED = {
    "running": (pod(), False),
    "pending": (pod(phase="Pending"), True),
    "finished": (pod(phase="Succeeded"), True),
    "failed": (pod(phase="Failed"), True),
    "on its way out already": (pod(deleting=True), True),
}


@pytest.mark.parametrize(("evicted", "nothing"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_which_pods_disrupt_nothing(evicted: core.Pod, nothing: bool) -> None:
    assert eviction.disrupts_nothing(evicted) is nothing


UNREADY = {
    "ready": (pod(), budget(), False),
    "enough others are ready": (pod(ready=False), budget(), True),
    "too few others are": (pod(ready=False), budget(healthy=1), False),
    "none wanted yet": (pod(ready=False), budget(healthy=0, desired=0), False),
    "always allowed": (pod(ready=False), budget(healthy=0, unhealthy="AlwaysAllow"), True),
}


@pytest.mark.parametrize(("evicted", "covers", "adds_nothing"), UNREADY.values(), ids=UNREADY)
def test_which_unready_pods_may_go(
    evicted: core.Pod, covers: policy.PodDisruptionBudget, adds_nothing: bool
) -> None:
    assert eviction.adds_nothing(evicted, covers) is adds_nothing


def test_two_budgets_for_one_pod_are_an_error() -> None:
    with pytest.raises(InternalError, match="more than one PodDisruptionBudget"):
        eviction.covering(pod(), [budget("a"), budget("b")])


def test_a_disruption_is_used_up() -> None:
    before = budget(allowed=2)
    after = eviction.disrupted(before, pod(), NOW)
    assert (before.status.disruptionsAllowed, after.status.disruptionsAllowed) == (2, 1)
    assert after.status.disruptedPods["web-1"].seconds == 1_000


def test_the_last_disruption_is_said_in_a_condition() -> None:
    after = eviction.disrupted(budget(allowed=1), pod(), NOW)
    (condition,) = after.status.conditions
    assert (condition.type, condition.status, condition.reason) == (
        "DisruptionAllowed",
        "False",
        "InsufficientPods",
    )


def failed_sync() -> policy.PodDisruptionBudget:
    made = budget(allowed=0)
    made.status.conditions.add(type="DisruptionAllowed", status="False", reason="SyncFailed", message="why")
    return made


def uncounted() -> policy.PodDisruptionBudget:
    made = budget(allowed=9)
    made.metadata.generation += 1
    return made


def lagging() -> policy.PodDisruptionBudget:
    made = budget(allowed=9)
    for number in range(2001):
        made.status.disruptedPods[f"web-{number}"].seconds = 1
    return made


TEXT = "Cannot evict pod as it would violate the pod's disruption budget."
REFUSALS = {
    "none left": (budget(allowed=0), 429, "The disruption budget b needs 2 healthy pods and has 3 currently"),
    "failed": (
        failed_sync(),
        429,
        "The disruption budget b does not allow evicting pods currently because it failed sync: why",
    ),
    "not counted": (uncounted(), 429, "The disruption budget b is still being processed by the server."),
    "negative": (budget(allowed=-1), 403, ""),
    "too many to confirm": (lagging(), 403, ""),
}


@pytest.mark.parametrize(("spent", "code", "cause"), REFUSALS.values(), ids=REFUSALS)
def test_when_a_budget_refuses(spent: policy.PodDisruptionBudget, code: int, cause: str) -> None:
    with pytest.raises(ApiError) as refused:
        eviction.disrupted(spent, pod(), NOW)
    assert refused.value.code == code
    assert [(each.reason, each.message) for each in refused.value.causes] == (
        [("DisruptionBudget", cause)] if cause else []
    )
    if code == 429:
        assert refused.value.message == TEXT


def test_an_evicted_pod_says_so_once() -> None:
    evicted = pod()
    evicted.metadata.generation = 2
    eviction.evicted(evicted, NOW)
    eviction.evicted(evicted, NOW + 5)
    targets = [each for each in evicted.status.conditions if each.type == "DisruptionTarget"]
    assert [
        (each.status, each.reason, each.lastTransitionTime.seconds, each.observedGeneration)
        for each in targets
    ] == [("True", "EvictionByEvictionAPI", 1_000, 2)]
