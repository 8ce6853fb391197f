"""The ReplicaSet controller: keeps as many pods of a template as are asked for, and counts them.

Source: Kubernetes' ReplicaSet controller. Pods that are terminating do not count as replicas. A pod's name is
the server's choice (generateName), so a decision taken twice can never create the same pod twice: it counts
again first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Create,
    Failure,
    Record,
    RequeueAfter,
    UpdateStatus,
    copy_of,
    delete,
)
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.owners import (
    Orphans,
    claim,
    controller_reference,
    itself,
)
from control_plane.controllers.pods import (
    available_in,
    is_active,
    is_terminating,
    rank_for_deletion,
    ready_since,
)
from control_plane.objects.interface import ObjectKey, Objects
from knarr.api.owners import controller_of
from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

BURST = 500  # pods created or deleted by one decision, as Kubernetes; what they change starts the next one


@dataclass(frozen=True, slots=True)
class ReplicaSetSnapshot:
    """A ReplicaSet and all that its decision depends on."""

    replica_set: apps.ReplicaSet
    pods: tuple[core.Pod, ...]  # those it controls and those it may adopt
    matching: frozenset[str]  # uids of those that its selector matches
    siblings: tuple[core.Pod, ...] = ()  # pods of ReplicaSets with the same controller, when some must go
    failure: Failure | None = None


class ReplicaSetController:
    """Brings the pods of each ReplicaSet to their number."""

    name = "replicaset"
    primaries: Sequence[type[Message]] = (apps.ReplicaSet,)

    def __init__(self) -> None:
        self._pods = Orphans(core.Pod, apps.ReplicaSet)
        self.watches: Mapping[type[Message], KeysOf] = {
            apps.ReplicaSet: itself,
            core.Pod: self._pods.keys_of,
        }

    def snapshot(
        self, objects: Objects, key: ObjectKey, failure: Failure | None
    ) -> ReplicaSetSnapshot | None:
        replica_set = objects.get(apps.ReplicaSet, key.namespace, key.name)
        if replica_set is None:
            return None
        pods, matching = self._pods.family(objects, replica_set, replica_set.spec.selector)
        siblings: tuple[core.Pod, ...] = ()
        if sum(map(is_active, pods)) > replica_set.spec.replicas:
            siblings = tuple(_siblings(objects, replica_set))
        return ReplicaSetSnapshot(replica_set, pods, matching, siblings, failure)

    def decide(self, snapshot: ReplicaSetSnapshot, now: float) -> tuple[Action, ...]:
        """First claim, then scale, then say so; a failure is said first, for scaling may fail again."""
        replica_set = snapshot.replica_set
        claims = claim(replica_set, snapshot.pods, snapshot.matching)
        active = [pod for pod in claims.owned if is_active(pod)]
        scaling: tuple[Action, ...] = ()
        if not replica_set.metadata.HasField("deletionTimestamp"):
            scaling = _scale(replica_set, active, snapshot.siblings, now)
        updated = copy_of(replica_set)
        terminating = sum(map(is_terminating, claims.owned))
        updated.status.CopyFrom(_status(snapshot, active, terminating, now))
        status = () if updated.status == replica_set.status else (UpdateStatus(updated),)
        timer = _timer(replica_set, active, now)
        if snapshot.failure is not None:
            told = _failure_event(replica_set, updated)
            return (*claims.updates, *status, *told, *scaling, *timer)
        return (*claims.updates, *scaling, *status, *timer)


def _siblings(objects: Objects, replica_set: apps.ReplicaSet) -> Iterable[core.Pod]:
    namespace = replica_set.metadata.namespace
    controller = controller_of(replica_set.metadata)
    if controller is None:
        return objects.list(core.Pod, namespace, owner_uid=replica_set.metadata.uid)
    family = objects.list(apps.ReplicaSet, namespace, owner_uid=controller.uid)
    return (pod for one in family for pod in objects.list(core.Pod, namespace, owner_uid=one.metadata.uid))


def _scale(
    replica_set: apps.ReplicaSet, active: Sequence[core.Pod], siblings: Sequence[core.Pod], now: float
) -> tuple[Action, ...]:
    surplus = len(active) - replica_set.spec.replicas
    if surplus < 0:
        created = Record(replica_set, "Normal", "SuccessfulCreate", "Created pod: {name}")
        return tuple(Create(pod_of(replica_set), created) for _ in range(min(-surplus, BURST)))
    if surplus == 0:
        return ()
    deleted = Record(replica_set, "Normal", "SuccessfulDelete", "Deleted pod: {name}")
    if surplus < len(active):
        related = Counter(pod.spec.nodeName for pod in siblings if is_active(pod))
        active = rank_for_deletion(active, related, now)
    return tuple(delete(pod, deleted) for pod in active[: min(surplus, BURST)])


def pod_of(replica_set: apps.ReplicaSet) -> core.Pod:
    """A new pod of the template; the server makes its name."""
    template = replica_set.spec.template
    pod = core.Pod(spec=template.spec)
    pod.metadata.generateName = f"{replica_set.metadata.name}-"
    pod.metadata.namespace = replica_set.metadata.namespace
    pod.metadata.labels.update(template.metadata.labels)
    pod.metadata.annotations.update(template.metadata.annotations)
    pod.metadata.finalizers.extend(template.metadata.finalizers)
    pod.metadata.ownerReferences.append(controller_reference(replica_set))
    return pod


def _status(
    snapshot: ReplicaSetSnapshot, active: Sequence[core.Pod], terminating: int, now: float
) -> apps.ReplicaSetStatus:
    replica_set = snapshot.replica_set
    min_ready_s = replica_set.spec.minReadySeconds
    labels = dict(replica_set.spec.template.metadata.labels)
    ready = [pod for pod in active if ready_since(pod) is not None]
    status = apps.ReplicaSetStatus(
        replicas=len(active),
        fullyLabeledReplicas=sum(labels.items() <= dict(pod.metadata.labels).items() for pod in active),
        readyReplicas=len(ready),
        availableReplicas=sum(available_in(pod, min_ready_s, now) == 0.0 for pod in ready),
        terminatingReplicas=terminating,
        observedGeneration=replica_set.metadata.generation,
        conditions=[one for one in replica_set.status.conditions if one.type != "ReplicaFailure"],
    )
    if snapshot.failure is not None:
        status.conditions.append(_failure_condition(replica_set, snapshot.failure, now))
    return status


def _failure_condition(
    replica_set: apps.ReplicaSet, failure: Failure, now: float
) -> apps.ReplicaSetCondition:
    reason = "FailedDelete" if failure.action == "Delete" else "FailedCreate"
    for condition in replica_set.status.conditions:
        if condition.type == "ReplicaFailure" and (condition.reason, condition.message) == (
            reason,
            failure.message,
        ):
            return condition
    return apps.ReplicaSetCondition(
        type="ReplicaFailure",
        status="True",
        reason=reason,
        message=failure.message,
        lastTransitionTime=timestamp(now),
    )


def _failure_event(before: apps.ReplicaSet, after: apps.ReplicaSet) -> tuple[Record, ...]:
    """Told once: when the condition comes or changes."""
    known = list(before.status.conditions)
    return tuple(
        Record(before, "Warning", condition.reason, condition.message)
        for condition in after.status.conditions
        if condition.type == "ReplicaFailure" and condition not in known
    )


def _timer(replica_set: apps.ReplicaSet, active: Sequence[core.Pod], now: float) -> tuple[RequeueAfter, ...]:
    """The moment at which the next pod that is ready becomes available."""
    min_ready_s = replica_set.spec.minReadySeconds
    if min_ready_s == 0:
        return ()
    waits = (available_in(pod, min_ready_s, now) for pod in active)
    soonest = min((wait for wait in waits if 0.0 < wait < float("inf")), default=None)
    return () if soonest is None else (RequeueAfter(soonest),)
