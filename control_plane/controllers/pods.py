"""What controllers ask about a pod: is it active, ready, available; and which go first when some must go.

Pure. Source: Kubernetes' controller utilities (IsPodActive, IsPodAvailable, ActivePodsWithRanks).
"""

import math
from collections.abc import Mapping, Sequence
from functools import cmp_to_key

from knarr.api.conditions import condition_of
from knarr.api.pods import is_finished, sidecars
from knarr.api.timestamps import seconds
from knarr.proto.kubernetes import core_v1_pb2 as core

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASE_ORDER = {"Pending": 0, "Unknown": 1, "Running": 2}
_NEVER_AVAILABLE = math.inf


def is_terminating(pod: core.Pod) -> bool:
    """Told to stop and not finished yet."""
    return pod.metadata.HasField("deletionTimestamp") and not is_finished(pod)


def is_active(pod: core.Pod) -> bool:
    """Neither finished nor told to stop."""
    return not is_finished(pod) and not pod.metadata.HasField("deletionTimestamp")


def ready_since(pod: core.Pod) -> float | None:
    """When the pod became ready, in seconds since 1970; None when it is not ready."""
    ready = condition_of(pod.status.conditions, "Ready")
    return seconds(ready.lastTransitionTime) if ready is not None and ready.status == "True" else None


def available_in(pod: core.Pod, min_ready_seconds: int, now: float) -> float:
    """Seconds until the pod counts as available: 0.0 for now, infinity while it is not ready."""
    since = ready_since(pod)
    if since is None or (min_ready_seconds > 0 and since == 0.0):
        return _NEVER_AVAILABLE
    return max(0.0, since + min_ready_seconds - now) if min_ready_seconds > 0 else 0.0


def rank_for_deletion(
    pods: Sequence[core.Pod], related_on_node: Mapping[str, int], now: float
) -> list[core.Pod]:
    """The pods in the order in which to delete them, exactly as Kubernetes' ReplicaSet controller.

    `related_on_node`: for each node, how many active pods of the same owner's ReplicaSets are on it; pods
    that are doubled up go first. Times are compared by order of magnitude (KEP-2185), so that not always the
    newest are hit; then the uid decides.
    """

    def compare(left: core.Pod, right: core.Pod) -> int:
        for first, second in (
            (bool(left.spec.nodeName), bool(right.spec.nodeName)),
            (_phase(left), _phase(right)),
            (ready_since(left) is not None, ready_since(right) is not None),
            (_deletion_cost(left), _deletion_cost(right)),
            (-related_on_node.get(left.spec.nodeName, 0), -related_on_node.get(right.spec.nodeName, 0)),
        ):
            if first != second:
                return -1 if first < second else 1
        by_ready = _compare_times(ready_since(left) or 0.0, ready_since(right) or 0.0, left, right, now)
        if by_ready:
            return by_ready
        for left_restarts, right_restarts in zip(_restarts(left), _restarts(right), strict=True):
            if left_restarts != right_restarts:
                return -1 if left_restarts > right_restarts else 1
        created = (seconds(left.metadata.creationTimestamp), seconds(right.metadata.creationTimestamp))
        return _compare_times(*created, left, right, now)

    return sorted(pods, key=cmp_to_key(compare))


def _compare_times(left: float, right: float, left_pod: core.Pod, right_pod: core.Pod, now: float) -> int:
    """No time before a recent one before an old one, by the magnitude of the age."""
    if left == right:
        return 0
    if left == 0.0 or right == 0.0:
        return -1 if left == 0.0 else 1
    difference = _magnitude(now - left) - _magnitude(now - right)
    if difference:
        return difference
    return -1 if left_pod.metadata.uid < right_pod.metadata.uid else 1


def _magnitude(age_s: float) -> int:
    return -1 if age_s <= 0 else int(math.log2(age_s * 1e9))


def _phase(pod: core.Pod) -> int:
    return _PHASE_ORDER.get(pod.status.phase, 0)


def _deletion_cost(pod: core.Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _restarts(pod: core.Pod) -> tuple[int, int]:
    """The most restarts of a container, and of a sidecar."""
    lasting = sidecars(pod)
    regular = max((status.restartCount for status in pod.status.containerStatuses), default=0)
    of_sidecars = (
        status.restartCount for status in pod.status.initContainerStatuses if status.name in lasting
    )
    return regular, max(of_sidecars, default=0)
