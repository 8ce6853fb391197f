"""Which budget decides about an eviction, and when it refuses."""

import pytest

from control_plane.api import eviction
from knarr.errors import InternalError, TooManyRequests
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


CASES = {
    "covered": (pod(), [budget()], "b"),
    "of another app": (pod(), [budget(app="db")], None),
    "a budget without a selector covers nothing": (pod(), [budget(app=None)], None),
    "the one of two that covers": (pod(), [budget("a", "db"), budget("c")], "c"),
    "pending pods disrupt nothing": (pod(phase="Pending"), [budget()], None),
    "finished pods disrupt nothing": (pod(phase="Succeeded"), [budget()], None),
    "on its way out already": (pod(deleting=True), [budget()], None),
    "not ready, and enough others are": (pod(ready=False), [budget()], None),
    "not ready, and too few others are": (pod(ready=False), [budget(healthy=1)], "b"),
    "not ready, none wanted yet": (pod(ready=False), [budget(healthy=0, desired=0)], "b"),
    "not ready and always allowed": (pod(ready=False), [budget(healthy=0, unhealthy="AlwaysAllow")], None),
}


@pytest.mark.parametrize(("evicted", "budgets", "decides"), CASES.values(), ids=CASES)
def test_which_budget_decides(
    evicted: core.Pod, budgets: list[policy.PodDisruptionBudget], decides: str | None
) -> None:
    found = eviction.budget_of(evicted, budgets)
    assert (found.metadata.name if found else None) == decides


def test_two_budgets_for_one_pod_are_an_error() -> None:
    with pytest.raises(InternalError, match="more than one PodDisruptionBudget"):
        eviction.budget_of(pod(), [budget("a"), budget("b")])


def test_a_disruption_is_used_up() -> None:
    before = budget(allowed=2)
    after = eviction.disrupted(before, pod(), NOW)
    assert (before.status.disruptionsAllowed, after.status.disruptionsAllowed) == (2, 1)
    assert after.status.disruptedPods["web-1"].seconds == 1_000


def test_no_disruption_is_left() -> None:
    with pytest.raises(TooManyRequests) as refused:
        eviction.disrupted(budget(allowed=0), pod(), NOW)
    assert refused.value.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert refused.value.causes[0].reason == "DisruptionBudget"
    assert refused.value.retry_after_s == 10


def test_a_budget_that_was_not_counted_yet_refuses() -> None:
    changed = budget(allowed=9)
    changed.metadata.generation += 1
    with pytest.raises(TooManyRequests):
        eviction.disrupted(changed, pod(), NOW)
