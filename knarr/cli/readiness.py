"""When is an object what it shall be? Pure: objects in, a sentence and a verdict out.

The sentences for deployments are those of `kubectl rollout status`, which people's scripts read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.conditions import condition_of, holds
from knarr.api.support_stored import REASONS
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core


class Verdict(Enum):
    """How far an object has come."""

    WAITING = "waiting"
    READY = "ready"
    # It will not become ready by waiting.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Readiness:
    """A verdict and the sentence that says why."""

    verdict: Verdict
    message: str


def readiness(obj: Message) -> Readiness:
    """How far this object has come; kinds that nothing acts upon are ready at once."""
    stored = REASONS.get(kinds.of(obj))
    if stored is not None:
        return Readiness(Verdict.READY, f"stored; nothing acts on it yet: {stored}")
    return by_status(obj)


def by_status(obj: Message) -> Readiness:
    """What the object's status says of it."""
    match obj:
        case apps.Deployment():
            return deployment_readiness(obj)
        case apps.ReplicaSet():
            return _replica_set(obj)
        case apps.StatefulSet():
            return _stateful_set(obj)
        case apps.DaemonSet():
            return _daemon_set(obj)
        case batch.Job():
            return _job(obj)
        case core.Pod():
            return _pod(obj)
        case _:
            return Readiness(Verdict.READY, "nothing to wait for")


def deployment_readiness(deployment: apps.Deployment, revision: int = 0) -> Readiness:
    """As `kubectl rollout status`; with `revision`, fails when another revision has taken over."""
    name, spec, status = deployment.metadata.name, deployment.spec, deployment.status
    annotation = deployment.metadata.annotations.get("deployment.kubernetes.io/revision", "")
    if revision and annotation and int(annotation) != revision:
        return Readiness(
            Verdict.FAILED,
            f"desired revision ({revision}) is different from the running revision ({annotation})",
        )
    if deployment.metadata.generation > status.observedGeneration:
        return _waiting("Waiting for deployment spec update to be observed...")
    progressing = condition_of(status.conditions, "Progressing")
    if progressing is not None and progressing.reason == "ProgressDeadlineExceeded":
        return Readiness(
            Verdict.FAILED, f'deployment "{name}" exceeded its progress deadline: {progressing.message}'
        )
    prefix = f'Waiting for deployment "{name}" rollout to finish: '
    wanted = spec.replicas if spec.HasField("replicas") else 1
    cause = _cause(progressing)
    if status.updatedReplicas < wanted:
        return _waiting(
            f"{prefix}{status.updatedReplicas} out of {wanted} new replicas have been updated...{cause}"
        )
    if status.replicas > status.updatedReplicas:
        old = status.replicas - status.updatedReplicas
        return _waiting(f"{prefix}{old} old replicas are pending termination...{cause}")
    if status.availableReplicas < status.updatedReplicas:
        counts = f"{status.availableReplicas} of {status.updatedReplicas} updated replicas are available"
        return _waiting(f"{prefix}{counts}...{cause}")
    return Readiness(Verdict.READY, f'deployment "{name}" successfully rolled out')


def pod_trouble(pods: Sequence[core.Pod]) -> list[str]:
    """One sentence for each distinct reason why pods do not run, most frequent first."""
    counts: dict[str, int] = {}
    for pod in pods:
        trouble = _trouble(pod)
        if trouble:
            counts[trouble] = counts.get(trouble, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{text} ({count} pods)" if count > 1 else text for text, count in ordered]


def _waiting(message: str) -> Readiness:
    return Readiness(Verdict.WAITING, message)


def _cause(progressing: apps.DeploymentCondition | None) -> str:
    """The cause that the controller found for a rollout that stands still."""
    if progressing is None or progressing.status == "True":
        return ""
    return f" ({progressing.reason}: {progressing.message})"


def _replica_set(replica_set: apps.ReplicaSet) -> Readiness:
    wanted = replica_set.spec.replicas if replica_set.spec.HasField("replicas") else 1
    ready = replica_set.status.readyReplicas
    if replica_set.status.observedGeneration < replica_set.metadata.generation or ready < wanted:
        return _waiting(f"{ready} of {wanted} pods are ready")
    return Readiness(Verdict.READY, f"{ready} of {wanted} pods are ready")


def _stateful_set(found: apps.StatefulSet) -> Readiness:
    spec, status = found.spec, found.status
    wanted = spec.replicas if spec.HasField("replicas") else 1
    if found.metadata.generation > status.observedGeneration:
        return _waiting("Waiting for statefulset spec update to be observed...")
    if status.readyReplicas < wanted:
        return _waiting(f"Waiting for {wanted - status.readyReplicas} pods to be ready...")
    new = max(0, wanted - spec.updateStrategy.rollingUpdate.partition)
    if spec.updateStrategy.type != "OnDelete" and status.updatedReplicas < new:
        counts = f"{status.updatedReplicas} out of {new} new pods have been updated"
        return _waiting(f'Waiting for statefulset "{found.metadata.name}" rollout to finish: {counts}...')
    return Readiness(Verdict.READY, f'statefulset "{found.metadata.name}" successfully rolled out')


def _daemon_set(found: apps.DaemonSet) -> Readiness:
    status, name = found.status, found.metadata.name
    wanted = status.desiredNumberScheduled
    prefix = f'Waiting for daemon set "{name}" rollout to finish: '
    if found.metadata.generation > status.observedGeneration:
        return _waiting("Waiting for daemon set spec update to be observed...")
    if found.spec.updateStrategy.type != "OnDelete" and status.updatedNumberScheduled < wanted:
        updated = status.updatedNumberScheduled
        return _waiting(f"{prefix}{updated} out of {wanted} new pods have been updated...")
    if status.numberAvailable < wanted:
        return _waiting(f"{prefix}{status.numberAvailable} of {wanted} updated pods are available...")
    return Readiness(Verdict.READY, f'daemon set "{name}" successfully rolled out')


def _job(job: batch.Job) -> Readiness:
    for condition in job.status.conditions:
        if condition.status == "True" and condition.type == "Complete":
            return Readiness(Verdict.READY, "complete")
        if condition.status == "True" and condition.type == "Failed":
            return Readiness(Verdict.FAILED, f"failed: {condition.reason} {condition.message}".strip())
    if job.spec.suspend:
        return Readiness(Verdict.READY, "suspended")
    wanted = job.spec.completions if job.spec.HasField("completions") else 1
    return _waiting(f"{job.status.succeeded} of {wanted} pods have succeeded, {job.status.failed} failed")


def _pod(pod: core.Pod) -> Readiness:
    if pod.status.phase == "Succeeded":
        return Readiness(Verdict.READY, "completed")
    if pod.status.phase == "Failed":
        return Readiness(Verdict.FAILED, f"failed: {pod.status.reason} {pod.status.message}".strip())
    if holds(pod.status.conditions, "Ready"):
        return Readiness(Verdict.READY, "ready")
    return _waiting(_trouble(pod) or (pod.status.phase or "Pending"))


def _trouble(pod: core.Pod) -> str:
    if pod.metadata.HasField("deletionTimestamp"):
        return ""  # it need not run any more
    for condition in pod.status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"cannot be scheduled: {condition.message}"
    for status in (*pod.status.initContainerStatuses, *pod.status.containerStatuses):
        waiting = status.state.waiting
        if status.state.HasField("waiting") and waiting.reason not in (
            "",
            "ContainerCreating",
            "PodInitializing",
        ):
            detail = f": {waiting.message}" if waiting.message else ""
            last = status.lastState.terminated
            ended = (
                f"; the last run ended with exit code {last.exitCode}"
                if status.lastState.HasField("terminated")
                else ""
            )
            return f"container {status.name} is waiting: {waiting.reason}{detail}{ended}"
    return ""
