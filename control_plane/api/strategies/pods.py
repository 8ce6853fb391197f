"""What the server writes into pods.

Source: Kubernetes' pkg/registry/core/pod/strategy.go.
"""

from collections import defaultdict
from typing import Final

from control_plane.api.strategies.strategy import Strategy
from knarr.api.qos import qos_class
from knarr.proto.kubernetes import core_v1_pb2 as core

DEFAULT_ACCOUNT: Final = "default"
SCHEDULED: Final = "PodScheduled"
GATED: Final = "SchedulingGated"


def _begin(pod: core.Pod) -> None:
    spec = pod.spec
    pod.status.phase = "Pending"
    if not spec.serviceAccountName:
        spec.serviceAccountName = spec.serviceAccount or DEFAULT_ACCOUNT
    spec.serviceAccount = spec.serviceAccountName


def _finish(pod: core.Pod) -> None:
    """The class rests on requests that admission may have added."""
    pod.status.qosClass = qos_class(pod.spec)
    if pod.spec.schedulingGates:
        pod.status.conditions.add(
            type=SCHEDULED,
            status="False",
            reason=GATED,
            message="Scheduling is blocked due to non-empty scheduling gates",
        )


def _keep_observed(new: core.Pod, old: core.Pod) -> None:
    """A writer that does not know of a pod's class or of observed generations leaves them as they are."""
    status, before = new.status, old.status
    status.qosClass = status.qosClass or before.qosClass
    status.observedGeneration = status.observedGeneration or before.observedGeneration
    known: defaultdict[str, list[int]] = defaultdict(list)  # conditions of one type may repeat
    for condition in before.conditions:
        known[condition.type].append(condition.observedGeneration)
    for condition in status.conditions:
        generation = known[condition.type].pop(0) if known[condition.type] else 0
        condition.observedGeneration = condition.observedGeneration or generation


POD: Final = Strategy(create=_begin, finish_create=_finish, status=_keep_observed)
