"""Whether a pod may be evicted now: the disruption budgets that cover it. Pure.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ and Kubernetes'
pkg/registry/core/pod/storage/eviction.go.
"""

from collections.abc import Iterable
from dataclasses import replace

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import copy, metadata
from control_plane.objects.interface import DeleteOptions
from knarr.api.conditions import holds, set_condition
from knarr.api.errors import SelectorError
from knarr.api.kinds import POD_DISRUPTION_BUDGET
from knarr.api.pods import FINISHED
from knarr.api.selectors import from_message
from knarr.api.timestamps import timestamp
from knarr.errors import Cause, InternalError, TooManyRequests
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy

REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
RETRY_S = 10
CAUSE = "DisruptionBudget"
MAX_DISRUPTED = 2000  # evictions that the budget's controller has yet to see
_ALWAYS_ALLOW = "AlwaysAllow"
_ALLOWED, _FAILED, _TOO_FEW = "DisruptionAllowed", "SyncFailed", "InsufficientPods"


def disrupts_nothing(pod: core.Pod) -> bool:
    """Whether no budget is asked: the pod does not run, or is on its way out already."""
    return pod.status.phase in (*FINISHED, "Pending") or pod.metadata.HasField("deletionTimestamp")


def covering(
    pod: core.Pod, budgets: Iterable[policy.PodDisruptionBudget]
) -> policy.PodDisruptionBudget | None:
    """The budget that covers the pod. Raises InternalError when several do, as Kubernetes does."""
    found = [budget for budget in budgets if _covers(budget, pod)]
    if len(found) > 1:
        raise InternalError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    return found[0] if found else None


def _covers(budget: policy.PodDisruptionBudget, pod: core.Pod) -> bool:
    """Without a selector a budget covers nothing, with an empty one all; one that cannot be read covers
    nothing."""
    try:
        selector = from_message(budget.spec.selector)
    except SelectorError:
        return False
    return budget.spec.HasField("selector") and selector.matches(pod.metadata.labels)


def adds_nothing(pod: core.Pod, budget: policy.PodDisruptionBudget) -> bool:
    """Whether a pod is not ready and may go for that: it adds nothing to what the budget protects."""
    if holds(pod.status.conditions, "Ready"):
        return False
    if budget.spec.unhealthyPodEvictionPolicy == _ALWAYS_ALLOW:
        return True
    status = budget.status
    return status.currentHealthy >= status.desiredHealthy > 0


def pinned(pod: core.Pod, options: DeleteOptions) -> DeleteOptions:
    """The options, for the pod in just this state: it may have become ready meanwhile."""
    if options.resource_version is not None:
        return options
    return replace(options, resource_version=pod.metadata.resourceVersion)


def disrupted(budget: policy.PodDisruptionBudget, pod: core.Pod, now: float) -> policy.PodDisruptionBudget:
    """The budget with one disruption used up for the pod. Raises TooManyRequests when there is none left, or
    when its controller has not yet counted for its newest spec; Forbidden when that controller lags far."""
    name, status = budget.metadata.name, budget.status
    if status.observedGeneration < budget.metadata.generation:
        raise unsettled(name)
    if status.disruptionsAllowed < 0:
        raise refusals.forbidden(POD_DISRUPTION_BUDGET, name, "pdb disruptions allowed is negative")
    if len(status.disruptedPods) > MAX_DISRUPTED:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise refusals.forbidden(POD_DISRUPTION_BUDGET, name, why)
    if status.disruptionsAllowed == 0:
        raise TooManyRequests(REFUSED, causes=[Cause("", CAUSE, _why_none(budget))])
    result = copy(budget)
    result.status.disruptionsAllowed -= 1
    if result.status.disruptionsAllowed == 0:
        _note_none_left(result.status, now)
    result.status.disruptedPods[pod.metadata.name].CopyFrom(timestamp(now))
    return result


def unsettled(name: str) -> TooManyRequests:
    """What is told while it is not known whether a budget allows an eviction."""
    why = f"The disruption budget {name} is still being processed by the server."
    return TooManyRequests(REFUSED, causes=[Cause("", CAUSE, why)], retry_after_s=RETRY_S)


def _why_none(budget: policy.PodDisruptionBudget) -> str:
    name, status = budget.metadata.name, budget.status
    for condition in status.conditions:
        if condition.type == _ALLOWED and condition.reason == _FAILED:
            return (
                f"The disruption budget {name} does not allow evicting pods currently "
                f"because it failed sync: {condition.message}"
            )
    return (
        f"The disruption budget {name} needs {status.desiredHealthy} healthy pods "
        f"and has {status.currentHealthy} currently"
    )


def _note_none_left(status: policy.PodDisruptionBudgetStatus, now: float) -> None:
    condition = set_condition(status.conditions, _ALLOWED, "False", _TOO_FEW, "", now)
    condition.observedGeneration = status.observedGeneration


def evicted(obj: Message, now: float) -> None:
    """Say in the pod's status, in place, why it goes."""
    assert isinstance(obj, core.Pod)
    if metadata(obj).HasField("deletionTimestamp"):
        return
    conditions, why = obj.status.conditions, "Eviction API: evicting"
    condition = set_condition(conditions, "DisruptionTarget", "True", "EvictionByEvictionAPI", why, now)
    condition.observedGeneration = obj.metadata.generation
