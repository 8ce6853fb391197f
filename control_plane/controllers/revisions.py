"""The revisions of a Deployment: which ReplicaSet is whose template, their numbers, and which are forgotten.

Pure. Source: Kubernetes' deployment utilities. The annotations are Kubernetes' own, so that `kubectl rollout
history` and `undo` read them.
"""

from collections.abc import Iterable, Mapping, Sequence

from control_plane.controllers.hashing import LABEL, same_template, template_hash
from control_plane.controllers.owners import controller_reference
from control_plane.controllers.rolling import DESIRED, MAX, Fleet, by_age, size_of_new
from knarr.proto.kubernetes import apps_v1_pb2 as apps

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
}
_HISTORY_BYTES = 2000


def fleet_of(deployment: apps.Deployment, replica_sets: Iterable[apps.ReplicaSet]) -> Fleet:
    """The oldest ReplicaSet with the Deployment's template is the new one, all others are old."""
    ordered = by_age(replica_sets)
    template = deployment.spec.template
    new = next((one for one in ordered if same_template(one.spec.template, template)), None)
    return Fleet(deployment, new, tuple(one for one in ordered if one is not new))


def revision(annotations: Mapping[str, str]) -> int:
    """The number of a revision, 0 when it has none."""
    try:
        return int(annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def new_replica_set(fleet: Fleet) -> apps.ReplicaSet:
    """The ReplicaSet of the Deployment's current template, at the size it may have at once."""
    deployment = fleet.deployment
    digest = hash_of(deployment)
    one = apps.ReplicaSet()
    one.metadata.name = name_of(deployment)
    one.metadata.namespace = deployment.metadata.namespace
    one.metadata.labels.update(deployment.spec.template.metadata.labels)
    one.metadata.labels[LABEL] = digest
    one.metadata.ownerReferences.append(controller_reference(deployment))
    one.spec.replicas = size_of_new(fleet)
    one.spec.minReadySeconds = deployment.spec.minReadySeconds
    one.spec.selector.CopyFrom(deployment.spec.selector)
    one.spec.selector.matchLabels[LABEL] = digest
    one.spec.template.CopyFrom(deployment.spec.template)
    one.spec.template.metadata.labels[LABEL] = digest
    annotate_new(one, fleet)
    annotate_size(one, fleet)
    return one


def hash_of(deployment: apps.Deployment) -> str:
    status = deployment.status
    collisions = status.collisionCount if status.HasField("collisionCount") else None
    return template_hash(deployment.spec.template, collisions)


def name_of(deployment: apps.Deployment) -> str:
    """What the ReplicaSet of the current template is called."""
    return f"{deployment.metadata.name}-{hash_of(deployment)}"


def annotate_new(one: apps.ReplicaSet, fleet: Fleet) -> None:
    """Give the new ReplicaSet the Deployment's annotations and the highest revision. One that had a revision
    before (a rollback goes back to its template) notes it in its history."""
    annotations = one.metadata.annotations
    for key, value in fleet.deployment.metadata.annotations.items():
        if key not in _NOT_COPIED:
            annotations[key] = value
    number = 1 + max((revision(old.metadata.annotations) for old in fleet.old), default=0)
    before = annotations.get(REVISION, "")
    if revision(annotations) >= number:
        return
    annotations[REVISION] = str(number)
    if before:
        history = [*annotations.get(REVISION_HISTORY, "").split(","), before]
        history = [entry for entry in history if entry]
        while len(",".join(history)) > _HISTORY_BYTES:
            history.pop(0)
        annotations[REVISION_HISTORY] = ",".join(history)


def annotate_size(one: apps.ReplicaSet, fleet: Fleet) -> None:
    """Note the size that the Deployment had when this ReplicaSet was sized: proportions need it."""
    one.metadata.annotations[DESIRED] = str(fleet.replicas)
    one.metadata.annotations[MAX] = str(fleet.replicas + fleet.max_surge)


def forgotten(fleet: Fleet) -> Sequence[apps.ReplicaSet]:
    """Old ReplicaSets beyond revisionHistoryLimit, lowest revision first; never one that still has pods."""
    spec = fleet.deployment.spec
    limit = spec.revisionHistoryLimit if spec.HasField("revisionHistoryLimit") else 10
    alive = [one for one in fleet.old if not one.metadata.HasField("deletionTimestamp")]
    surplus = sorted(alive, key=lambda one: revision(one.metadata.annotations))[: max(0, len(alive) - limit)]
    return [
        one
        for one in surplus
        if one.spec.replicas == 0
        and one.status.replicas == 0
        and one.status.observedGeneration >= one.metadata.generation
    ]
