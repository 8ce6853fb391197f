"""What is the matter with what makes pods: refused pods, a rollout that does not go on, the pods themselves.
Pure.

Each kind is read into a Workload (workload_of); what is said about one is the same for all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.insight.why.answers import blank
from control_plane.insight.why.pods import verdict_of
from control_plane.insight.why.sentences import listed, times
from knarr.api.kinds import Kind
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire

# From the worst on: what is refused or fails for good, what cannot start, what waits.
_SEVERITY = (
    wire.CRASHING,
    wire.NOT_STARTED,
    wire.FAILED,
    wire.NODE_LOST,
    wire.UNSCHEDULABLE,
    wire.HELD,
    wire.FOREIGN,
    wire.GATED,
    wire.NOT_READY,
    wire.TERMINATING,
    wire.PROGRESSING,
)


@dataclass(frozen=True, slots=True)
class Workload:
    """What makes pods, as far as its kind lets one say. Numbers of pods; `updated` None: it rolls nothing
    out."""

    obj: Message
    desired: int
    ready: int
    updated: int | None = None
    failure: str = ""  # why its pods may not be created
    stuck: str = ""  # why it goes on no further
    idle: str = ""  # why it does nothing
    over: str = ""  # how it ended, well
    observed: bool = True


def diagnose(
    kind: Kind, workload: Workload, pods: Sequence[core.Pod]
) -> tuple[wire.WhyResponse, core.Pod | None]:
    """What is the matter with it, and the pod that fares worst, which is to be asked about too."""
    answer = blank(kind, workload.obj)
    worst = worst_of(pods)
    _judge(workload, pods, worst, answer)
    if answer.verdict in (wire.WELL, wire.IDLE, wire.FINISHED):
        worst = None
    return answer, worst


def worst_of(pods: Iterable[core.Pod]) -> core.Pod | None:
    """The pod that fares worst, the first by name of several; None when all are well."""
    bad = [(verdict_of(pod), pod) for pod in pods]
    ranked = [
        (_SEVERITY.index(verdict), pod.metadata.name, pod) for verdict, pod in bad if verdict in _SEVERITY
    ]
    return min(ranked, key=lambda row: row[:2])[2] if ranked else None


def _judge(
    workload: Workload, pods: Sequence[core.Pod], worst: core.Pod | None, answer: wire.WhyResponse
) -> None:
    own = metadata(workload.obj)
    counts = _counts(workload, pods)
    if own.HasField("deletionTimestamp"):
        answer.verdict, answer.summary = wire.TERMINATING, f"it was deleted, and waits for {_rest(own, pods)}"
    elif workload.failure:
        answer.verdict = wire.REFUSED
        answer.summary = f"its pods may not be created: {workload.failure}"
        answer.details.append(counts)
    elif workload.over:
        answer.verdict, answer.summary = wire.FINISHED, workload.over
    elif workload.stuck:
        answer.verdict, answer.summary = wire.STUCK, workload.stuck
        answer.details.append(counts)
    elif workload.idle:
        answer.verdict, answer.summary = wire.IDLE, workload.idle
    elif not workload.observed:
        answer.verdict = wire.PROGRESSING
        answer.summary = "its controller has not acted on its last change yet"
        answer.details.append("if that lasts, no control plane that runs controllers leads: see its log")
    elif _is_well(workload):
        answer.verdict, answer.summary = wire.WELL, f"{counts}; nothing is wrong"
    else:
        answer.verdict = verdict_of(worst) if worst is not None else wire.PROGRESSING
        answer.summary = counts
        answer.details.extend(_groups(pods))


def _is_well(workload: Workload) -> bool:
    updated = workload.desired if workload.updated is None else workload.updated
    return min(workload.ready, updated) >= workload.desired


def _counts(workload: Workload, pods: Sequence[core.Pod]) -> str:
    are = "is" if 1 in (workload.ready, workload.desired) else "are"
    said = f"{workload.ready} of {times(workload.desired, 'pod')} {are} ready"
    if workload.updated is not None and workload.updated < workload.desired:
        said += f", {workload.updated} up to date"
    there = sum(not is_finished(pod) for pod in pods)
    if there < workload.desired:
        said += f", {there} {'exists' if there == 1 else 'exist'}"
    return said


def _groups(pods: Sequence[core.Pod]) -> list[str]:
    """How many pods fare how, where they do not fare alike."""
    names: dict[wire.Verdict.ValueType, list[str]] = {}
    for pod in pods:
        names.setdefault(verdict_of(pod), []).append(pod.metadata.name)
    bad = [verdict for verdict in _SEVERITY if verdict in names]
    if len(bad) < 2:
        return []
    return [f"{_WORDS[verdict]}: {listed(names[verdict], 3)}" for verdict in bad]


_WORDS = {
    wire.CRASHING: "crashing",
    wire.NOT_STARTED: "cannot start",
    wire.FAILED: "failed",
    wire.NODE_LOST: "node lost",
    wire.UNSCHEDULABLE: "without a node",
    wire.HELD: "waiting for their gang",
    wire.FOREIGN: "another scheduler's",
    wire.GATED: "gated",
    wire.NOT_READY: "not ready",
    wire.TERMINATING: "terminating",
    wire.PROGRESSING: "starting",
}


def _rest(own: Any, pods: Sequence[core.Pod]) -> str:
    """What a deletion waits for."""
    what = [f"the finalizer {name}" for name in own.finalizers]
    if pods:
        what.append(f"{times(len(pods), 'pod')} of it to end")
    return listed(what) or "the garbage collector"


def workload_of(obj: Message) -> Workload | None:
    """The object as a workload; None for kinds that make no pods."""
    match obj:
        case apps.Deployment():
            return _deployment(obj)
        case apps.ReplicaSet() | core.ReplicationController():
            return _replica_set(obj)
        case apps.StatefulSet():
            return Workload(
                obj,
                obj.spec.replicas,
                obj.status.readyReplicas,
                obj.status.updatedReplicas if obj.spec.updateStrategy.type != "OnDelete" else None,
                idle=_no_replicas(obj.spec.replicas),
                observed=obj.status.observedGeneration >= obj.metadata.generation,
            )
        case apps.DaemonSet():
            status = obj.status
            return Workload(
                obj,
                status.desiredNumberScheduled,
                status.numberReady,
                status.updatedNumberScheduled if obj.spec.updateStrategy.type != "OnDelete" else None,
                idle="" if status.desiredNumberScheduled else "no node is one on which its pods may run",
                observed=status.observedGeneration >= obj.metadata.generation,
            )
        case batch.Job():
            return _job(obj)
    return None


def _no_replicas(replicas: int) -> str:
    return "" if replicas else "it is scaled to 0: it is to have no pods"


def _condition(conditions: Iterable[Any], type: str, status: str) -> Any | None:
    return next((one for one in conditions if one.type == type and one.status == status), None)


def _deployment(obj: apps.Deployment) -> Workload:
    status, idle = obj.status, _no_replicas(obj.spec.replicas)
    failure = _condition(status.conditions, "ReplicaFailure", "True")
    stuck = _condition(status.conditions, "Progressing", "False")
    unfinished = status.updatedReplicas < obj.spec.replicas
    if obj.spec.paused and unfinished:
        idle = "it is paused: changes of its template are not rolled out; `knarr rollout resume` goes on"
    return Workload(
        obj,
        obj.spec.replicas,
        status.readyReplicas,
        status.updatedReplicas,
        failure=failure.message if failure else "",
        stuck=_stuck(obj, stuck) if stuck else "",
        idle=idle,
        observed=status.observedGeneration >= obj.metadata.generation,
    )


def _stuck(obj: apps.Deployment, condition: apps.DeploymentCondition) -> str:
    if condition.reason == "ProgressDeadlineExceeded":
        deadline = obj.spec.progressDeadlineSeconds
        return f"its rollout has made no progress for longer than {deadline} s: {condition.message}"
    return f"its rollout does not go on ({condition.reason}): {condition.message}"


def _replica_set(obj: apps.ReplicaSet | core.ReplicationController) -> Workload:
    failure = _condition(obj.status.conditions, "ReplicaFailure", "True")
    return Workload(
        obj,
        obj.spec.replicas,
        obj.status.readyReplicas,
        failure=failure.message if failure else "",
        idle=_no_replicas(obj.spec.replicas),
        observed=obj.status.observedGeneration >= obj.metadata.generation,
    )


def _job(obj: batch.Job) -> Workload:
    spec, status = obj.spec, obj.status
    failed = _condition(status.conditions, "Failed", "True")
    done = _condition(status.conditions, "Complete", "True")
    wanted = spec.parallelism if not spec.HasField("completions") else spec.completions - status.succeeded
    stuck = ""
    if failed is not None:
        stuck = f"it failed after {times(status.failed, 'failed pod')} ({failed.reason}): {failed.message}"
    return Workload(
        obj,
        max(0, min(spec.parallelism, wanted)),
        status.ready,
        stuck=stuck,
        idle="it is suspended: it makes no pods before it is resumed" if spec.suspend else "",
        over=f"it is complete: {times(status.succeeded, 'pod')} did the work" if done else "",
    )
