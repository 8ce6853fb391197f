"""Whether a pod may be evicted now: the disruption budgets that cover it. Pure.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from collections.abc import Iterable

from control_plane.api.messages import copy, time_of
from knarr.api.selectors import from_message
from knarr.errors import Cause, InternalError, TooManyRequests
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy

REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
RETRY_S = 10
CAUSE = "DisruptionBudget"
_NOT_RUNNING = ("Succeeded", "Failed", "Pending")
_ALWAYS_ALLOW = "AlwaysAllow"


def budget_of(
    pod: core.Pod, budgets: Iterable[policy.PodDisruptionBudget]
) -> policy.PodDisruptionBudget | None:
    """The budget that decides about the pod's eviction; None when it may simply go. Raises InternalError when
    several cover it, as Kubernetes does."""
    if pod.status.phase in _NOT_RUNNING or pod.metadata.HasField("deletionTimestamp"):
        return None
    covering = [
        budget
        for budget in budgets
        if budget.spec.HasField("selector")
        and from_message(budget.spec.selector).matches(pod.metadata.labels)
    ]
    if len(covering) > 1:
        raise InternalError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    if not covering or _may_go_unready(pod, covering[0]):
        return None
    return covering[0]


def _may_go_unready(pod: core.Pod, budget: policy.PodDisruptionBudget) -> bool:
    """A pod that is not ready adds nothing to what the budget protects."""
    if any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions):
        return False
    if budget.spec.unhealthyPodEvictionPolicy == _ALWAYS_ALLOW:
        return True
    status = budget.status
    return status.currentHealthy >= status.desiredHealthy > 0


def disrupted(budget: policy.PodDisruptionBudget, pod: core.Pod, now: float) -> policy.PodDisruptionBudget:
    """The budget with one disruption used up for the pod; raises TooManyRequests when there is none left, or
    when its controller has not yet counted for its newest spec."""
    status = budget.status
    if status.observedGeneration < budget.metadata.generation or status.disruptionsAllowed <= 0:
        needs = (
            f"The disruption budget {budget.metadata.name} needs {status.desiredHealthy} healthy pods "
            f"and has {status.currentHealthy} currently"
        )
        raise TooManyRequests(REFUSED, causes=[Cause("", CAUSE, needs)], retry_after_s=RETRY_S)
    result = copy(budget)
    result.status.disruptionsAllowed -= 1
    result.status.disruptedPods[pod.metadata.name].CopyFrom(time_of(now))
    return result
