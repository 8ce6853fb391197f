"""The disruption controller: counts, for each PodDisruptionBudget, how many of its pods may be evicted now.

Source: Kubernetes' disruption controller. It only counts: evictions spend what it counted, and note the pods
in status.disruptedPods until their going is seen here. What cannot be counted allows no eviction.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Failure, Record, RequeueAfter, UpdateStatus, copy_of
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.pods import ready_since
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api.conditions import set_condition
from knarr.api.errors import SelectorError
from knarr.api.int_or_string import scaled
from knarr.api.owners import controller_of
from knarr.api.selectors import Selector, from_message
from knarr.api.timestamps import seconds
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy

ALLOWED = "DisruptionAllowed"
NOTED_S = 120.0  # for so long an evicted pod that has not gone counts as gone
_SCALED: Mapping[str, type[Message]] = {
    "ReplicaSet": apps.ReplicaSet,
    "StatefulSet": apps.StatefulSet,
    "ReplicationController": core.ReplicationController,
}


@dataclass(frozen=True, slots=True)
class DisruptionSnapshot:
    """A budget and what it protects."""

    budget: policy.PodDisruptionBudget
    pods: tuple[core.Pod, ...]
    scale: int  # how many pods their controllers are to keep
    uncounted: str = ""  # a pod whose controller has no scale


class DisruptionController:
    """Counts for each PodDisruptionBudget."""

    name = "disruption"
    primaries: Sequence[type[Message]] = (policy.PodDisruptionBudget,)

    def __init__(self) -> None:
        self._selectors: dict[str, dict[ObjectKey, Selector]] = {}  # of the budgets of each namespace
        self.watches: Mapping[type[Message], KeysOf] = {
            policy.PodDisruptionBudget: self._of_budget,
            core.Pod: self._of_pod,
            apps.Deployment: self._of_scaled,
            **{kind: self._of_scaled for kind in _SCALED.values()},
        }

    def snapshot(
        self, objects: Objects, key: ObjectKey, failure: Failure | None
    ) -> DisruptionSnapshot | None:
        budget = objects.get(policy.PodDisruptionBudget, key.namespace, key.name)
        if budget is None:
            return None
        pods = (
            objects.list(core.Pod, key.namespace, labels=budget.spec.selector)
            if budget.spec.HasField("selector")
            else ()
        )
        if budget.spec.HasField("minAvailable") and not budget.spec.minAvailable.type:
            return DisruptionSnapshot(budget, tuple(pods), len(pods))  # the only case that asks no scale
        scale, uncounted = _scale_of(objects, pods)
        return DisruptionSnapshot(budget, tuple(pods), scale, uncounted)

    def decide(self, snapshot: DisruptionSnapshot, now: float) -> tuple[Action, ...]:
        """The new status; and when the first noted eviction is to be forgotten, that moment."""
        budget = copy_of(snapshot.budget)
        forgets_in = _count(budget.status, snapshot, now)
        actions: list[Action] = []
        if budget.status != snapshot.budget.status:
            actions.append(UpdateStatus(budget))
            actions += _told(snapshot)
        if forgets_in is not None:
            actions.append(RequeueAfter(forgets_in))
        return tuple(actions)

    def _of_budget(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        key = change.key
        selectors = self._selectors.setdefault(key.namespace, {})
        selectors.pop(key, None)
        if isinstance(change.new, policy.PodDisruptionBudget):
            selector = _selector_of(change.new)
            if selector is not None:
                selectors[key] = selector
        if not selectors:
            del self._selectors[key.namespace]
        return (key,)

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        selectors = self._selectors.get(change.key.namespace)
        if selectors is None:
            return ()
        labels = [pod.metadata.labels for pod in (change.old, change.new) if isinstance(pod, core.Pod)]
        return [key for key, selector in selectors.items() if any(map(selector.matches, labels))]

    def _of_scaled(self, objects: Objects, change: ObjectChange) -> Iterable[ObjectKey]:
        selectors = self._selectors.get(change.key.namespace)
        if selectors is None or _replicas(change.old) == _replicas(change.new):
            return ()
        return list(selectors)


def _selector_of(budget: policy.PodDisruptionBudget) -> Selector | None:
    """None: it selects nothing."""
    if not budget.spec.HasField("selector"):
        return None
    try:
        return from_message(budget.spec.selector)
    except SelectorError:
        return None


def _scale_of(objects: Objects, pods: Iterable[core.Pod]) -> tuple[int, str]:
    """(how many pods the controllers of these keep, or a pod's name whose controller has no scale). Pods
    without a controller count for nothing."""
    scales: dict[str, int] = {}
    for pod in pods:
        owner = controller_of(pod.metadata)
        if owner is None or owner.uid in scales:
            continue
        replicas = _scale_of_owner(objects, pod.metadata.namespace, owner, scales)
        if replicas is None:
            return 0, pod.metadata.name
    return sum(scales.values()), ""


def _scale_of_owner(
    objects: Objects, namespace: str, owner: meta.OwnerReference, scales: dict[str, int]
) -> int | None:
    """The replicas of a pod's controller, or of the Deployment above it, noted in `scales`; None: unknown."""
    kind = _SCALED.get(owner.kind)
    found = objects.get(kind, namespace, owner.name) if kind is not None else None
    if not isinstance(found, apps.ReplicaSet | apps.StatefulSet | core.ReplicationController):
        return None
    if found.metadata.uid != owner.uid:
        return None
    above = controller_of(found.metadata)
    if above is None or above.kind != "Deployment":
        scales[owner.uid] = found.spec.replicas
        return found.spec.replicas
    deployment = objects.get(apps.Deployment, namespace, above.name)
    if deployment is None or deployment.metadata.uid != above.uid:
        return None
    scales[owner.uid] = 0  # counted once, by its Deployment
    scales[above.uid] = deployment.spec.replicas
    return deployment.spec.replicas


def _replicas(obj: Message | None) -> int | None:
    if isinstance(obj, apps.Deployment | apps.ReplicaSet | apps.StatefulSet | core.ReplicationController):
        return obj.spec.replicas
    return None


def _count(
    status: policy.PodDisruptionBudgetStatus, snapshot: DisruptionSnapshot, now: float
) -> float | None:
    """Count into `status`; returns in how many seconds the first noted eviction is forgotten."""
    budget, pods = snapshot.budget, snapshot.pods
    status.observedGeneration = budget.metadata.generation
    if snapshot.uncounted:
        status.disruptionsAllowed = 0
        message = f'found no controllers for pod "{snapshot.uncounted}"'
        _set_allowed(status, "False", "SyncFailed", message, now)
        return None
    forgets_in = _forget(status, pods, now)
    status.expectedPods = snapshot.scale
    status.desiredHealthy = _wanted(budget.spec, snapshot.scale)
    status.currentHealthy = sum(
        not pod.metadata.HasField("deletionTimestamp")
        and pod.metadata.name not in status.disruptedPods
        and ready_since(pod) is not None
        for pod in pods
    )
    spare = status.currentHealthy - status.desiredHealthy
    status.disruptionsAllowed = max(0, spare) if snapshot.scale > 0 else 0
    enough = status.disruptionsAllowed > 0
    reason = "SufficientPods" if enough else "InsufficientPods"
    _set_allowed(status, "True" if enough else "False", reason, "", now)
    return forgets_in


def _forget(status: policy.PodDisruptionBudgetStatus, pods: Sequence[core.Pod], now: float) -> float | None:
    """Keep of the noted evictions those whose pods are still there, and not for too long."""
    staying = {pod.metadata.name for pod in pods if not pod.metadata.HasField("deletionTimestamp")}
    left: list[float] = []
    for name, noted in list(status.disruptedPods.items()):
        left_s = seconds(noted) + NOTED_S - now
        if name in staying and left_s > 0:
            left.append(left_s)
        else:
            del status.disruptedPods[name]
    return min(left, default=None)


def _wanted(spec: policy.PodDisruptionBudgetSpec, scale: int) -> int:
    """How many pods must stay healthy."""
    if spec.HasField("maxUnavailable"):
        return max(0, scale - scaled(spec.maxUnavailable, scale, ceil))
    return scaled(spec.minAvailable, scale, ceil) if spec.HasField("minAvailable") else 0


def _set_allowed(
    status: policy.PodDisruptionBudgetStatus, value: str, reason: str, message: str, now: float
) -> None:
    condition = set_condition(status.conditions, ALLOWED, value, reason, message, now)
    condition.observedGeneration = status.observedGeneration


def _told(snapshot: DisruptionSnapshot) -> list[Action]:
    """Events, when there is news only: this is asked with each new status."""
    budget, before = snapshot.budget, snapshot.budget.status
    if snapshot.uncounted and not any(row.reason == "SyncFailed" for row in before.conditions):
        reason = "CalculateExpectedPodCountFailed"
        why = f'found no controllers for pod "{snapshot.uncounted}"'
        message = f"Failed to calculate the number of expected pods: {why}"
        return [Record(budget, "Warning", reason, message)]
    if not snapshot.pods and (before.expectedPods or not before.observedGeneration):
        return [Record(budget, "Normal", "NoPods", "No matching pods found")]
    return []
