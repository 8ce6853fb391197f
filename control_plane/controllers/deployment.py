"""The Deployment controller: moves pods from one template to the next by sizing ReplicaSets.

Source: Kubernetes' Deployment controller. It writes ReplicaSets and its Deployment, and never a pod. What it
writes to one object in one decision is one write, so that any of them may be the last one done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers import revisions, rolling
from control_plane.controllers.actions import (
    Action,
    Create,
    Failure,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
    delete,
)
from control_plane.controllers.loop import KeysOf
from control_plane.controllers.owners import Orphans, claim, itself
from control_plane.controllers.pods import is_active
from control_plane.controllers.rolling import Fleet, Sizes
from control_plane.controllers.status import (
    PROGRESSING,
    counts,
    deadline_s,
    is_complete,
    late_in_s,
    note_pause,
    note_progress,
    set_condition,
)
from control_plane.controllers.trouble import first_trouble, trouble_of
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api.conditions import condition_of
from knarr.api.owners import controller_of
from knarr.api.pods import is_finished
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

TROUBLED_PODS = 8  # pods of a ReplicaSet looked at for what keeps a rollout


@dataclass(frozen=True, slots=True)
class DeploymentSnapshot:
    """A Deployment and all that its decision depends on."""

    deployment: apps.Deployment
    replica_sets: tuple[apps.ReplicaSet, ...]  # those it controls and those it may adopt
    matching: frozenset[str]  # uids of those that its selector matches
    pods: tuple[core.Pod, ...] = ()  # some that cannot run; all of them for Recreate
    namesake: apps.ReplicaSet | None = None  # has the name that a new ReplicaSet would get
    failure: Failure | None = None


class DeploymentController:
    """Rolls each Deployment out."""

    name = "deployment"
    primaries: Sequence[type[Message]] = (apps.Deployment,)

    def __init__(self) -> None:
        self._replica_sets = Orphans(apps.ReplicaSet, apps.Deployment)
        self.watches: Mapping[type[Message], KeysOf] = {
            apps.Deployment: itself,
            apps.ReplicaSet: self._replica_sets.keys_of,
            core.Pod: self._of_pod,
        }
        # Names of pods that cannot run, by the uid of their ReplicaSet: an index beside the cache.
        self._troubled: dict[str, set[str]] = {}

    def snapshot(
        self, objects: Objects, key: ObjectKey, failure: Failure | None
    ) -> DeploymentSnapshot | None:
        deployment = objects.get(apps.Deployment, key.namespace, key.name)
        if deployment is None:
            return None
        replica_sets, matching = self._replica_sets.family(objects, deployment, deployment.spec.selector)
        pods = self._pods(objects, deployment, replica_sets)
        namesake = objects.get(apps.ReplicaSet, key.namespace, revisions.name_of(deployment))
        return DeploymentSnapshot(deployment, replica_sets, matching, pods, namesake, failure)

    def decide(self, snapshot: DeploymentSnapshot, now: float) -> tuple[Action, ...]:
        """Claim ReplicaSets and decide again; else size them, forget old ones, and say so. A failure is said
        first, for the same action may fail again."""
        deployment = snapshot.deployment
        claims = claim(deployment, snapshot.replica_sets, snapshot.matching)
        if claims.updates:
            return claims.updates
        fleet = revisions.fleet_of(deployment, claims.owned)
        plan = _Plan(fleet)
        if not deployment.metadata.HasField("deletionTimestamp"):
            plan = _rollout(snapshot, fleet)
        said = _said(snapshot, plan, now)
        return (*said, *plan.actions) if snapshot.failure is not None else (*plan.actions, *said)

    def _pods(
        self, objects: Objects, deployment: apps.Deployment, replica_sets: Sequence[apps.ReplicaSet]
    ) -> tuple[core.Pod, ...]:
        namespace, uids = deployment.metadata.namespace, [one.metadata.uid for one in replica_sets]
        if deployment.spec.strategy.type == "Recreate":
            return tuple(pod for uid in uids for pod in objects.list(core.Pod, namespace, owner_uid=uid))
        first = (name for uid in uids for name in sorted(self._troubled.get(uid, ()))[:TROUBLED_PODS])
        found = (objects.get(core.Pod, namespace, name) for name in first)
        return tuple(pod for pod in found if pod is not None)

    def _of_pod(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        """A pod matters when it is gone or finished (Recreate waits for it), or when what ails it changes."""
        new = change.new if isinstance(change.new, core.Pod) else None
        old = change.old if isinstance(change.old, core.Pod) else None
        trouble = "" if new is None or not is_active(new) else trouble_of(new)
        owner = None if (pod := new or old) is None else controller_of(pod.metadata)
        if owner is None or owner.kind != "ReplicaSet":
            return ()
        self._note_trouble(owner.uid, change.key.name, trouble)
        is_news = old is not None and (new is None or is_finished(old) != is_finished(new))
        if not is_news and trouble == ("" if old is None else trouble_of(old)):
            return ()
        replica_set = objects.get(apps.ReplicaSet, change.key.namespace, owner.name)
        deployment = None if replica_set is None else controller_of(replica_set.metadata)
        if deployment is None or deployment.kind != "Deployment":
            return ()
        return (ObjectKey("Deployment", change.key.namespace, deployment.name),)

    def _note_trouble(self, owner_uid: str, name: str, trouble: str) -> None:
        if trouble:
            self._troubled.setdefault(owner_uid, set()).add(name)
        elif name in self._troubled.get(owner_uid, ()):
            self._troubled[owner_uid].discard(name)
            if not self._troubled[owner_uid]:
                del self._troubled[owner_uid]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do with the ReplicaSets, and what they will be like then."""

    fleet: Fleet
    actions: tuple[Action, ...] = ()
    is_rollout: bool = False  # its progress counts: neither paused nor being scaled
    created: str = ""  # the name of the ReplicaSet that it creates
    collided: bool = False  # the name that the new ReplicaSet would get is taken


def _rollout(snapshot: DeploymentSnapshot, fleet: Fleet) -> _Plan:
    deployment = fleet.deployment
    if deployment.spec.paused:
        return _sized(fleet, rolling.scale(fleet), forget=True, is_rollout=False)
    if rolling.is_scaling(fleet):
        return _sized(fleet, rolling.scale(fleet), forget=False, is_rollout=False)
    if not fleet.is_rolling:
        stopped = rolling.stop_old(fleet)
        if stopped or _old_pods_run(snapshot, fleet):
            return _sized(fleet, stopped, forget=False)
    if fleet.new is None:
        return _created(snapshot, fleet)
    sizes = rolling.roll(fleet) if fleet.is_rolling else {fleet.new.metadata.name: fleet.replicas}
    return _sized(fleet, sizes, forget=is_complete(deployment, deployment.status))


def _old_pods_run(snapshot: DeploymentSnapshot, fleet: Fleet) -> bool:
    """Recreate waits until the last old pod is gone, those that are terminating included."""
    old = {one.metadata.uid for one in fleet.old}
    for pod in snapshot.pods:
        owner = controller_of(pod.metadata)
        if owner is not None and owner.uid in old and not is_finished(pod):
            return True
    return False


def _created(snapshot: DeploymentSnapshot, fleet: Fleet) -> _Plan:
    if snapshot.namesake is not None:
        return _Plan(fleet, is_rollout=True, collided=True)
    new = revisions.new_replica_set(fleet)
    size, event = new.spec.replicas, None
    if size > 0:
        event = _scaled(fleet, new.metadata.name, 0, size)
    return _Plan(
        Fleet(fleet.deployment, new, fleet.old),
        (Create(new, event),),
        is_rollout=True,
        created=new.metadata.name,
    )


def _sized(fleet: Fleet, sizes: Sizes, *, forget: bool, is_rollout: bool = True) -> _Plan:
    """Give ReplicaSets their sizes and the new one its revision; delete those to be forgotten."""
    actions: list[Action] = []
    after: dict[str, apps.ReplicaSet] = {}
    for one in fleet.all:
        name, before = one.metadata.name, one.spec.replicas
        copy = copy_of(one)
        if one is fleet.new:
            revisions.annotate_new(copy, fleet)
            copy.spec.minReadySeconds = fleet.deployment.spec.minReadySeconds
        if name in sizes:
            copy.spec.replicas = sizes[name]
            revisions.annotate_size(copy, fleet)
        after[name] = copy
        if copy != one:
            size = copy.spec.replicas
            actions.append(Update(copy, _scaled(fleet, name, before, size) if size != before else None))
    if forget:
        actions.extend(delete(one) for one in revisions.forgotten(fleet))
    new = None if fleet.new is None else after[fleet.new.metadata.name]
    old = tuple(after[one.metadata.name] for one in fleet.old)
    return _Plan(Fleet(fleet.deployment, new, old), tuple(actions), is_rollout)


def _scaled(fleet: Fleet, name: str, before: int, after: int) -> Record:
    direction = "up" if after > before else "down"
    text = f"Scaled {direction} replica set {name} from {before} to {after}"
    return Record(fleet.deployment, "Normal", "ScalingReplicaSet", text)


def _said(snapshot: DeploymentSnapshot, plan: _Plan, now: float) -> tuple[Action, ...]:
    """Revision and status of the Deployment, and when to look again."""
    before, fleet = snapshot.deployment, plan.fleet
    after = copy_of(before)
    actions: list[Action] = []
    revision = "" if fleet.new is None else fleet.new.metadata.annotations.get(revisions.REVISION, "")
    if revision and before.metadata.annotations.get(revisions.REVISION) != revision:
        after.metadata.annotations[revisions.REVISION] = revision
        actions.append(Update(after))
    status = counts(fleet, now)
    if plan.collided:
        status.collisionCount += 1
    note_pause(fleet, status, now)
    _note_new(snapshot, plan, status, now)
    if plan.is_rollout:
        note_progress(fleet, status, _trouble(snapshot, fleet), now)
    if status != before.status:
        after.status.CopyFrom(status)
        actions.append(UpdateStatus(after))
    late_s = late_in_s(before, status, now)
    return (*actions, RequeueAfter(late_s)) if late_s is not None else tuple(actions)


def _note_new(snapshot: DeploymentSnapshot, plan: _Plan, status: apps.DeploymentStatus, now: float) -> None:
    """Progressing begins with the new ReplicaSet, or with the failure to create it."""
    if deadline_s(snapshot.deployment) is None:
        return
    failure = snapshot.failure
    if failure is not None and failure.action == "Create" and plan.created:
        text = f'Failed to create new replica set "{plan.created}": {failure.message}'
        set_condition(status, PROGRESSING, "False", "ReplicaSetCreateError", text, now)
    elif plan.created:
        text = f'Created new replica set "{plan.created}"'
        set_condition(status, PROGRESSING, "True", "NewReplicaSetCreated", text, now)
    elif plan.fleet.new is not None and condition_of(status.conditions, PROGRESSING) is None:
        text = f'Found new replica set "{plan.fleet.new.metadata.name}"'
        set_condition(status, PROGRESSING, "True", "FoundNewReplicaSet", text, now)


def _trouble(snapshot: DeploymentSnapshot, fleet: Fleet) -> str:
    """What keeps the pods of the new ReplicaSet from running."""
    if fleet.new is None:
        return ""
    uid = fleet.new.metadata.uid
    owners = ((pod, controller_of(pod.metadata)) for pod in snapshot.pods)
    return first_trouble(pod for pod, owner in owners if owner is not None and owner.uid == uid)
