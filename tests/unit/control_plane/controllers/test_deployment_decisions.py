"""What the Deployment controller decides: a base and one change per case, the whole decision compared."""

from collections.abc import Callable, Sequence

import pytest

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
from control_plane.controllers.deployment import DeploymentController, DeploymentSnapshot
from control_plane.controllers.hashing import template_hash
from control_plane.controllers.owners import controller_reference
from control_plane.controllers.replicaset import pod_of
from control_plane.controllers.revisions import REVISION, REVISION_HISTORY, new_replica_set
from control_plane.controllers.rolling import DESIRED, MAX, Fleet
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

NOW = 10_000.0
THEN = 9_000


def deployment(replicas: int = 4) -> apps.Deployment:
    """As it stands when its rollout is complete."""
    obj = apps.Deployment()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.uid = "web", "default", "d-uid"
    obj.metadata.generation = 1
    obj.metadata.annotations[REVISION] = "1"
    obj.metadata.annotations["team"] = "shop"
    obj.spec.replicas = replicas
    obj.spec.selector.matchLabels["app"] = "web"
    obj.spec.template.metadata.labels["app"] = "web"
    obj.spec.template.spec.containers.add(name="web", image="web:1")
    obj.spec.strategy.type = "RollingUpdate"
    obj.spec.strategy.rollingUpdate.maxSurge.intVal = 1
    obj.spec.strategy.rollingUpdate.maxUnavailable.intVal = 1
    obj.spec.progressDeadlineSeconds = 600
    obj.spec.revisionHistoryLimit = 1
    obj.status.observedGeneration = 1
    obj.status.replicas = obj.status.updatedReplicas = replicas
    obj.status.readyReplicas = obj.status.availableReplicas = replicas
    obj.status.terminatingReplicas = 0
    say(obj, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    name = f"web-{template_hash(obj.spec.template, None)}"
    say(
        obj,
        "Progressing",
        "True",
        "NewReplicaSetAvailable",
        f'ReplicaSet "{name}" has successfully progressed.',
    )
    return obj


def say(
    obj: apps.Deployment,
    type_: str,
    status: str,
    reason: str,
    message: str,
    at: int = THEN,
    since: int = THEN,
) -> None:
    """Set a condition, as the last one."""
    kept = [one for one in obj.status.conditions if one.type != type_]
    del obj.status.conditions[:]
    obj.status.conditions.extend(kept)
    condition = obj.status.conditions.add(type=type_, status=status, reason=reason, message=message)
    condition.lastUpdateTime.seconds, condition.lastTransitionTime.seconds = at, since


def replica_set(obj: apps.Deployment, size: int | None = None, revision: int = 1) -> apps.ReplicaSet:
    """The complete ReplicaSet of the Deployment's template."""
    one = new_replica_set(Fleet(obj, None, ()))
    size = obj.spec.replicas if size is None else size
    one.metadata.uid, one.metadata.generation = f"uid-{one.metadata.name}", 1
    one.metadata.creationTimestamp.seconds = THEN + revision
    one.metadata.annotations[REVISION] = str(revision)
    one.spec.replicas = one.status.replicas = one.status.readyReplicas = one.status.availableReplicas = size
    one.status.observedGeneration = 1
    return one


def with_image(obj: apps.Deployment, image: str) -> apps.Deployment:
    copy = copy_of(obj)
    copy.spec.template.spec.containers[0].image = image
    return copy


def decided(
    obj: apps.Deployment,
    sets: Sequence[apps.ReplicaSet],
    *,
    pods: Sequence[core.Pod] = (),
    namesake: apps.ReplicaSet | None = None,
    failure: Failure | None = None,
    now: float = NOW,
) -> tuple[Action, ...]:
    matching = frozenset(one.metadata.uid for one in sets)
    snapshot = DeploymentSnapshot(obj, tuple(sets), matching, tuple(pods), namesake, failure)
    return DeploymentController().decide(snapshot, now)


def scaled(obj: apps.Deployment, one: apps.ReplicaSet, before: int, after: int) -> Record:
    direction = "up" if after > before else "down"
    text = f"Scaled {direction} replica set {one.metadata.name} from {before} to {after}"
    return Record(obj, "Normal", "ScalingReplicaSet", text)


def resized(obj: apps.Deployment, one: apps.ReplicaSet, size: int, desired: int = 4, most: int = 5) -> Update:
    copy = copy_of(one)
    copy.spec.replicas = size
    copy.metadata.annotations[DESIRED], copy.metadata.annotations[MAX] = str(desired), str(most)
    return Update(copy, scaled(obj, one, one.spec.replicas, size))


def test_a_complete_rollout_is_left_alone() -> None:
    obj = deployment()
    assert decided(obj, [replica_set(obj)]) == ()


def test_a_first_rollout_creates_its_replica_set_and_says_so() -> None:
    obj = deployment()
    obj.ClearField("status")
    del obj.metadata.annotations[REVISION]
    digest = template_hash(obj.spec.template, None)
    new = apps.ReplicaSet()
    new.metadata.name, new.metadata.namespace = f"web-{digest}", "default"
    new.metadata.labels.update({"app": "web", "pod-template-hash": digest})
    new.metadata.annotations.update({"team": "shop", REVISION: "1", DESIRED: "4", MAX: "5"})
    new.metadata.ownerReferences.append(controller_reference(obj))
    new.spec.replicas = 4
    new.spec.selector.matchLabels.update({"app": "web", "pod-template-hash": digest})
    new.spec.template.CopyFrom(obj.spec.template)
    new.spec.template.metadata.labels["pod-template-hash"] = digest
    after = copy_of(obj)
    after.metadata.annotations[REVISION] = "1"
    after.status.observedGeneration, after.status.unavailableReplicas = 1, 4
    after.status.terminatingReplicas = 0
    text = "Deployment does not have minimum availability."
    say(after, "Available", "False", "MinimumReplicasUnavailable", text, int(NOW), int(NOW))
    created = f'Created new replica set "web-{digest}"'
    say(after, "Progressing", "True", "NewReplicaSetCreated", created, int(NOW), int(NOW))
    assert decided(obj, []) == (
        Create(new, scaled(obj, new, 0, 4)),
        Update(after),
        UpdateStatus(after),
        RequeueAfter(601.0),
    )


def test_a_new_template_gets_what_the_surge_allows() -> None:
    before = deployment()
    obj = with_image(before, "web:2")
    actions = decided(obj, [replica_set(before)])
    create = actions[0]
    assert isinstance(create, Create)
    assert isinstance(create.obj, apps.ReplicaSet)
    assert create.obj.spec.replicas == 1
    assert create.obj.metadata.annotations[REVISION] == "2"
    assert [type(action) for action in actions] == [Create, Update, UpdateStatus, RequeueAfter]


def test_old_replica_sets_shrink_by_what_may_be_missed() -> None:
    before = deployment()
    obj = with_image(before, "web:2")
    new, old = replica_set(obj, 1, revision=2), replica_set(before)
    new.status.availableReplicas = new.status.readyReplicas = 0
    assert decided(obj, [old, new])[0] == resized(obj, old, 3)


def test_recreate_waits_for_the_last_old_pod() -> None:
    before = deployment()
    before.spec.strategy.Clear()
    before.spec.strategy.type = "Recreate"
    obj = with_image(before, "web:2")
    old = replica_set(before)
    assert decided(obj, [old])[0] == resized(obj, old, 0, most=4)
    stopped = replica_set(before, 0)
    last = pod_of(old)
    last.metadata.deletionTimestamp.seconds = int(NOW)
    assert not any(isinstance(action, Create) for action in decided(obj, [stopped], pods=[last]))
    last.status.phase = "Succeeded"
    create = decided(obj, [stopped], pods=[last])[0]
    assert isinstance(create, Create)
    assert isinstance(create.obj, apps.ReplicaSet)
    assert create.obj.spec.replicas == 4


def test_scaling_sizes_the_replica_set_and_notes_for_what() -> None:
    before = deployment()
    obj = copy_of(before)
    obj.spec.replicas = 6
    one = replica_set(before)
    assert decided(obj, [one])[0] == resized(obj, one, 6, 6, 7)


def test_a_paused_deployment_scales_but_does_not_roll() -> None:
    before = deployment()
    obj = with_image(before, "web:2")
    obj.spec.paused = True
    one = replica_set(before)
    after = copy_of(obj)
    after.status.updatedReplicas = 0
    say(after, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", int(NOW), int(NOW))
    assert decided(obj, [one]) == (UpdateStatus(after),)
    obj.spec.replicas = 2
    assert decided(obj, [one])[0] == resized(obj, one, 2, 2, 3)


def test_going_back_gives_the_old_replica_set_the_next_revision() -> None:
    obj = deployment()
    one, other = replica_set(obj, 1, revision=1), replica_set(with_image(obj, "web:2"), 4, revision=2)
    back = copy_of(one)
    back.metadata.annotations[REVISION], back.metadata.annotations[REVISION_HISTORY] = "3", "1"
    assert decided(obj, [one, other])[:2] == (resized(obj, other, 2), Update(back))


def test_what_is_beyond_the_history_limit_is_forgotten_lowest_revision_first() -> None:
    obj = deployment()
    old = [replica_set(with_image(obj, f"old:{number}"), 0, revision=number) for number in (1, 2, 3)]
    one = replica_set(obj, revision=4)
    obj.metadata.annotations[REVISION] = "4"
    assert decided(obj, [*old, one]) == (delete(old[0]), delete(old[1]))
    old[0].status.replicas = 1
    obj.status.replicas = 5
    assert delete(old[0]) not in decided(obj, [*old, one])


def test_a_taken_name_counts_a_collision_and_gives_another_name() -> None:
    obj = deployment()
    stranger = replica_set(obj)
    del stranger.metadata.ownerReferences[:]
    actions = decided(obj, [], namesake=stranger)
    status = next(action for action in actions if isinstance(action, UpdateStatus))
    assert isinstance(status.obj, apps.Deployment)
    assert status.obj.status.collisionCount == 1
    assert not any(isinstance(action, Create) for action in actions)
    create = decided(status.obj, [])[0]
    assert isinstance(create, Create)
    assert isinstance(create.obj, apps.ReplicaSet)
    assert create.obj.metadata.name != stranger.metadata.name


def test_a_replica_set_without_controller_is_adopted_alone() -> None:
    obj = deployment()
    one = replica_set(obj)
    orphan = copy_of(one)
    del orphan.metadata.ownerReferences[:]
    assert decided(obj, [orphan]) == (Update(one),)


def test_a_refused_creation_is_said_in_progressing_before_the_next_try() -> None:
    obj = deployment()
    actions = decided(obj, [], failure=Failure("Create", "no room"))
    said = next(action for action in actions if isinstance(action, UpdateStatus))
    assert isinstance(said.obj, apps.Deployment)
    condition = said.obj.status.conditions[-1]
    name = f"web-{template_hash(obj.spec.template, None)}"
    assert (condition.type, condition.status, condition.reason, condition.message) == (
        "Progressing",
        "False",
        "ReplicaSetCreateError",
        f'Failed to create new replica set "{name}": no room',
    )
    assert isinstance(actions[-1], Create)


def rolling(obj: apps.Deployment, at: int = THEN) -> tuple[apps.Deployment, apps.ReplicaSet]:
    """In the middle of its first rollout: all pods exist and none is ready."""
    one = replica_set(obj)
    one.status.readyReplicas = one.status.availableReplicas = 0
    obj.status.readyReplicas = obj.status.availableReplicas = 0
    obj.status.unavailableReplicas = 4
    text = "Deployment does not have minimum availability."
    say(obj, "Available", "False", "MinimumReplicasUnavailable", text)
    say(
        obj,
        "Progressing",
        "True",
        "ReplicaSetUpdated",
        f'ReplicaSet "{one.metadata.name}" is progressing.',
        at,
    )
    return obj, one


def test_the_deadline_is_waited_for_and_then_said() -> None:
    obj, one = rolling(deployment(), at=int(NOW) - 100)
    assert decided(obj, [one]) == (RequeueAfter(501.0),)
    late = copy_of(obj)
    text = f'ReplicaSet "{one.metadata.name}" has timed out progressing.'
    say(late, "Progressing", "False", "ProgressDeadlineExceeded", text, int(NOW) + 501, int(NOW) + 501)
    assert decided(obj, [one], now=NOW + 501) == (UpdateStatus(late),)
    assert decided(late, [one], now=NOW + 999) == ()


def test_without_a_deadline_there_is_no_progressing() -> None:
    obj = deployment()
    obj.spec.ClearField("progressDeadlineSeconds")
    after = copy_of(obj)
    del after.status.conditions[1]
    assert decided(obj, [replica_set(obj)]) == (UpdateStatus(after),)


def unschedulable(pod: core.Pod) -> None:
    pod.status.conditions.add(
        type="PodScheduled", status="False", reason="Unschedulable", message="0/2 nodes are available"
    )


def bad_image(pod: core.Pod) -> None:
    waiting = pod.status.containerStatuses.add(name="web").state.waiting
    waiting.reason, waiting.message = "ImagePullBackOff", 'Back-off pulling image "web:9"'


def crashing(pod: core.Pod) -> None:
    pod.status.containerStatuses.add(name="web").state.waiting.reason = "CrashLoopBackOff"


def starting(pod: core.Pod) -> None:
    pod.status.containerStatuses.add(name="web").state.waiting.reason = "ContainerCreating"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        pytest.param(unschedulable, "Unschedulable: 0/2 nodes are available", id="unschedulable"),
        pytest.param(
            bad_image, 'container "web": ImagePullBackOff: Back-off pulling image "web:9"', id="image"
        ),
        pytest.param(crashing, 'container "web": CrashLoopBackOff', id="crash"),
        pytest.param(starting, "", id="only-starting"),
    ],
)
def test_progressing_names_what_keeps_a_new_pod_from_running(
    change: Callable[[core.Pod], None], cause: str
) -> None:
    obj, one = rolling(deployment(), at=int(NOW))
    ill, later = pod_of(one), pod_of(one)
    ill.metadata.name, later.metadata.name = "web-a", "web-b"
    change(ill)
    crashing(later)
    pods = [later, ill] if cause else [ill]
    actions = decided(obj, [one], pods=pods)
    if not cause:
        assert actions == (RequeueAfter(601.0),)
        return
    after = copy_of(obj)
    after.status.conditions[1].message += f' Cause: pod "web-a": {cause}'
    assert actions == (UpdateStatus(after), RequeueAfter(601.0))
    assert decided(after, [one], pods=pods) == (RequeueAfter(601.0),)
    assert decided(after, [one]) == (UpdateStatus(obj), RequeueAfter(601.0))


def test_a_failure_of_a_replica_set_is_the_deployments() -> None:
    obj = deployment()
    one = replica_set(obj)
    one.status.conditions.add(type="ReplicaFailure", status="True", reason="FailedCreate", message="quota")
    after = copy_of(obj)
    say(after, "ReplicaFailure", "True", "FailedCreate", "quota", int(NOW), int(NOW))
    assert decided(obj, [one]) == (UpdateStatus(after),)
    assert decided(after, [replica_set(obj)]) == (UpdateStatus(obj),)


def test_a_deployment_that_is_deleted_only_counts() -> None:
    obj = with_image(deployment(), "web:2")
    obj.metadata.deletionTimestamp.seconds = int(NOW)
    actions = decided(obj, [replica_set(deployment())])
    assert [type(action) for action in actions] == [UpdateStatus]


def test_the_hash_is_stable_and_depends_on_template_and_collisions() -> None:
    template = deployment().spec.template
    assert template_hash(template, None) == "865ff4dcd8"
    assert len({template_hash(template, count) for count in (None, 0, 1, 2)}) == 4
