"""What an agent's report of a pod does to the pod's object. Pure."""

from dataclasses import dataclass
from enum import Enum

from knarr.api.pods import FINISHED
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire

# Conditions of a pod that its agent writes; all others belong to somebody else and stay.
AGENT_CONDITIONS = frozenset(
    {"Initialized", "Ready", "ContainersReady", "PodReadyToStartContainers", "DisruptionTarget"}
)


class Verdict(Enum):
    """What is to be done about a report."""

    NOTHING = "nothing"
    UPDATE = "update"
    # The pod has ended and its deletion was asked for: the object goes.
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Effect:
    """A verdict and, for UPDATE, the pod to be written."""

    verdict: Verdict
    pod: core.Pod | None = None


def effect(node_name: str, report: wire.PodReport, current: core.Pod | None) -> Effect:
    """What `report` of the agent on `node_name` means for the pod as it is stored."""
    if current is None or current.metadata.uid != report.uid or current.spec.nodeName != node_name:
        return Effect(Verdict.NOTHING)
    if report.terminated and current.metadata.HasField("deletionTimestamp"):
        return Effect(Verdict.REMOVE)
    if not report.HasField("status"):
        return Effect(Verdict.NOTHING)
    merged = merged_status(current.status, report.status)
    if merged == current.status:
        return Effect(Verdict.NOTHING)
    pod = core.Pod()
    pod.CopyFrom(current)
    pod.status.CopyFrom(merged)
    return Effect(Verdict.UPDATE, pod)


def merged_status(current: core.PodStatus, reported: core.PodStatus) -> core.PodStatus:
    """The reported status with the conditions and nominations that are not the agent's kept."""
    status = core.PodStatus()
    status.CopyFrom(reported)
    if current.phase in FINISHED and reported.phase not in FINISHED:
        # A pod that has ended stays ended; nothing may bring it back to life.
        status.phase, status.reason, status.message = current.phase, current.reason, current.message
    del status.conditions[:]
    known = {condition.type: condition for condition in reported.conditions}
    for condition in current.conditions:
        theirs = known.pop(condition.type, None)
        if theirs is None or condition.type not in AGENT_CONDITIONS:
            status.conditions.append(condition)
        else:
            status.conditions.append(_since(condition, theirs))
    status.conditions.extend(known.values())
    if not status.qosClass:
        status.qosClass = current.qosClass
    status.nominatedNodeName = current.nominatedNodeName
    return status


def _since(before: core.PodCondition, after: core.PodCondition) -> core.PodCondition:
    """`after`, with the time of the last transition kept when there was none."""
    condition = core.PodCondition()
    condition.CopyFrom(after)
    if before.status == after.status and before.HasField("lastTransitionTime"):
        condition.lastTransitionTime.CopyFrom(before.lastTransitionTime)
    return condition
