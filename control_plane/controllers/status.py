"""What a Deployment says of itself: counts, and its conditions Progressing, Available, ReplicaFailure. Pure.

Source: Kubernetes' Deployment controller (progress.go); reasons and messages are its own. Beyond Kubernetes,
the message of Progressing names what keeps a new pod from running (control_plane/controllers/trouble.py).
"""

from collections.abc import Sequence

from control_plane.controllers.rolling import Fleet
from knarr.api.conditions import condition_of
from knarr.api.timestamps import seconds, timestamp
from knarr.proto.kubernetes import apps_v1_pb2 as apps

PROGRESSING = "Progressing"
AVAILABLE = "Available"
REPLICA_FAILURE = "ReplicaFailure"
COMPLETE = "NewReplicaSetAvailable"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
NO_DEADLINE = 2**31 - 1


def counts(fleet: Fleet, now: float) -> apps.DeploymentStatus:
    """The status with new counts and Available, its other conditions as they were."""
    before = fleet.deployment.status
    status = apps.DeploymentStatus(
        observedGeneration=fleet.deployment.metadata.generation,
        replicas=sum(one.status.replicas for one in fleet.all),
        updatedReplicas=0 if fleet.new is None else fleet.new.status.replicas,
        readyReplicas=sum(one.status.readyReplicas for one in fleet.all),
        availableReplicas=sum(one.status.availableReplicas for one in fleet.all),
        terminatingReplicas=sum(one.status.terminatingReplicas for one in fleet.all),
        conditions=before.conditions,
    )
    wanted = sum(one.spec.replicas for one in fleet.all)
    status.unavailableReplicas = max(0, wanted - status.availableReplicas)
    if before.HasField("collisionCount"):
        status.collisionCount = before.collisionCount
    if status.availableReplicas >= fleet.replicas - fleet.max_unavailable:
        text = "Deployment has minimum availability."
        set_condition(status, AVAILABLE, "True", "MinimumReplicasAvailable", text, now)
    else:
        text = "Deployment does not have minimum availability."
        set_condition(status, AVAILABLE, "False", "MinimumReplicasUnavailable", text, now)
    return status


def set_condition(
    status: apps.DeploymentStatus, type_: str, value: str, reason: str, message: str, now: float
) -> None:
    """Set a condition. One with the same status and reason stays as it is; lastTransitionTime changes only
    with the status."""
    before = condition_of(status.conditions, type_)
    if before is not None and (before.status, before.reason) == (value, reason):
        return
    changed = timestamp(now)
    if before is not None and before.status == value:
        changed = before.lastTransitionTime
    condition = apps.DeploymentCondition(
        type=type_,
        status=value,
        reason=reason,
        message=message,
        lastUpdateTime=timestamp(now),
        lastTransitionTime=changed,
    )
    remove_condition(status, type_)
    status.conditions.append(condition)


def remove_condition(status: apps.DeploymentStatus, type_: str) -> None:
    """Remove the condition of a type, if there is one."""
    kept = [one for one in status.conditions if one.type != type_]
    del status.conditions[:]
    status.conditions.extend(kept)


def deadline_s(deployment: apps.Deployment) -> int | None:
    """progressDeadlineSeconds; None when there is none."""
    spec = deployment.spec
    if not spec.HasField("progressDeadlineSeconds") or spec.progressDeadlineSeconds == NO_DEADLINE:
        return None
    return spec.progressDeadlineSeconds


def note_pause(fleet: Fleet, status: apps.DeploymentStatus, now: float) -> None:
    """Paused and resumed, while there is a deadline: the time of a pause does not count."""
    before = condition_of(status.conditions, PROGRESSING)
    if deadline_s(fleet.deployment) is None or (before is not None and before.reason == TIMED_OUT):
        return
    was_paused = before is not None and before.reason == PAUSED
    if fleet.deployment.spec.paused and not was_paused:
        set_condition(status, PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now)
    elif not fleet.deployment.spec.paused and was_paused:
        set_condition(status, PROGRESSING, "Unknown", "DeploymentResumed", "Deployment is resumed", now)


def note_progress(fleet: Fleet, status: apps.DeploymentStatus, trouble: str, now: float) -> None:
    """Progressing: complete, on its way, or past its deadline; and ReplicaFailure."""
    if deadline_s(fleet.deployment) is None:
        remove_condition(status, PROGRESSING)
    else:
        _set_progress(fleet, status, now)
        _name_trouble(fleet, status, trouble)
    failure = _failure(fleet)
    if failure is None:
        remove_condition(status, REPLICA_FAILURE)
    else:
        set_condition(status, REPLICA_FAILURE, failure.status, failure.reason, failure.message, now)


def _set_progress(fleet: Fleet, status: apps.DeploymentStatus, now: float) -> None:
    before = condition_of(status.conditions, PROGRESSING)
    subject = _subject(fleet)
    if before is not None and before.reason == COMPLETE and status.replicas == status.updatedReplicas:
        return  # a complete rollout stays complete while pods come and go
    if is_complete(fleet.deployment, status):
        text = f"{subject} has successfully progressed."
        set_condition(status, PROGRESSING, "True", COMPLETE, text, now)
    elif _has_progressed(fleet.deployment.status, status):
        condition = apps.DeploymentCondition(
            type=PROGRESSING,
            status="True",
            reason="ReplicaSetUpdated",
            message=f"{subject} is progressing.",
            lastUpdateTime=timestamp(now),
            lastTransitionTime=timestamp(now),
        )
        if before is not None and before.status == "True":
            condition.lastTransitionTime.CopyFrom(before.lastTransitionTime)
        remove_condition(status, PROGRESSING)
        status.conditions.append(condition)
    elif _is_late(fleet.deployment, before, now):
        text = f"{subject} has timed out progressing."
        set_condition(status, PROGRESSING, "False", TIMED_OUT, text, now)


def _subject(fleet: Fleet) -> str:
    if fleet.new is not None:
        return f'ReplicaSet "{fleet.new.metadata.name}"'
    return f'Deployment "{fleet.deployment.metadata.name}"'


def _name_trouble(fleet: Fleet, status: apps.DeploymentStatus, trouble: str) -> None:
    """Say in Progressing what keeps the rollout, as long as it does; its times stay as they are."""
    condition = condition_of(status.conditions, PROGRESSING)
    if condition is None or condition.reason in (COMPLETE, PAUSED):
        return
    plain = condition.message.split(_CAUSE, 1)[0]
    condition.message = f"{plain}{_CAUSE}{trouble}" if trouble else plain


_CAUSE = " Cause: "


def is_complete(deployment: apps.Deployment, status: apps.DeploymentStatus) -> bool:
    """All pods are of the new template and available, and there are no others."""
    wanted = deployment.spec.replicas
    return (
        status.updatedReplicas == wanted
        and status.replicas == wanted
        and status.availableReplicas == wanted
        and status.observedGeneration >= deployment.metadata.generation
    )


def _has_progressed(before: apps.DeploymentStatus, after: apps.DeploymentStatus) -> bool:
    return (
        after.updatedReplicas > before.updatedReplicas
        or after.replicas - after.updatedReplicas < before.replicas - before.updatedReplicas
        or after.readyReplicas > before.readyReplicas
        or after.availableReplicas > before.availableReplicas
    )


def _is_late(deployment: apps.Deployment, condition: apps.DeploymentCondition | None, now: float) -> bool:
    limit_s = deadline_s(deployment)
    if condition is None or limit_s is None or condition.reason in (COMPLETE, PAUSED):
        return False
    return condition.reason == TIMED_OUT or seconds(condition.lastUpdateTime) + limit_s < now


def _failure(fleet: Fleet) -> apps.ReplicaSetCondition | None:
    """The first ReplicaFailure: of the new ReplicaSet, else of an old one."""
    ordered: Sequence[apps.ReplicaSet] = fleet.old if fleet.new is None else (fleet.new, *fleet.old)
    for one in ordered:
        for condition in one.status.conditions:
            if condition.type == REPLICA_FAILURE and condition.status == "True":
                return condition
    return None


def late_in_s(deployment: apps.Deployment, status: apps.DeploymentStatus, now: float) -> float | None:
    """Seconds until the deadline must be looked at; None when it need not be."""
    condition, limit_s = condition_of(status.conditions, PROGRESSING), deadline_s(deployment)
    if condition is None or limit_s is None or deployment.spec.paused:
        return None
    if condition.reason in (COMPLETE, TIMED_OUT, PAUSED):
        return None
    return max(1.0, seconds(condition.lastUpdateTime) + limit_s - now + 1.0)
