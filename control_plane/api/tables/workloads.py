"""Tables of what makes pods by a template, and of what guards them, as kubectl's. Jobs stand in jobs.py."""

from control_plane.api.tables.columns import (
    AGED,
    INTEGER,
    NAME,
    NONE,
    TEMPLATE,
    UNKNOWN,
    WIDE,
    Column,
    Columns,
    age,
    images,
    pairs,
    selector,
)
from knarr.api.conditions import condition_of
from knarr.api.int_or_string import text_of
from knarr.api.owners import controller_of
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling

_SELECTED = (*TEMPLATE, Column("Selector", WIDE))
_COUNTED = (Column("Desired", 0, INTEGER), Column("Current", 0, INTEGER), Column("Ready", 0, INTEGER))


def _deployment(found: apps.Deployment) -> list[str]:
    status = found.status
    return [
        f"{status.readyReplicas}/{found.spec.replicas}",
        str(status.updatedReplicas),
        str(status.availableReplicas),
        age(found.metadata),
        *images(found.spec.template.spec),
        selector(found.spec.selector),
    ]


def _replica_set(found: apps.ReplicaSet) -> list[str]:
    return [*_replicas(found), selector(found.spec.selector)]


def _replication_controller(found: core.ReplicationController) -> list[str]:
    return [*_replicas(found), pairs(found.spec.selector)]


def _replicas(found: apps.ReplicaSet | core.ReplicationController) -> list[str]:
    return [
        str(found.spec.replicas),
        str(found.status.replicas),
        str(found.status.readyReplicas),
        age(found.metadata),
        *images(found.spec.template.spec),
    ]


def _stateful_set(found: apps.StatefulSet) -> list[str]:
    ready = f"{found.status.readyReplicas}/{found.spec.replicas}"
    return [ready, age(found.metadata), *images(found.spec.template.spec)]


def _daemon_set(found: apps.DaemonSet) -> list[str]:
    status = found.status
    return [
        str(status.desiredNumberScheduled),
        str(status.currentNumberScheduled),
        str(status.numberReady),
        str(status.updatedNumberScheduled),
        str(status.numberAvailable),
        pairs(found.spec.template.spec.nodeSelector),
        age(found.metadata),
        *images(found.spec.template.spec),
        selector(found.spec.selector),
    ]


def _controller_revision(found: apps.ControllerRevision) -> list[str]:
    owner = controller_of(found.metadata)
    return [NONE if owner is None else _resource(owner), str(found.revision), age(found.metadata)]


def _resource(owner: meta.OwnerReference) -> str:
    """ "statefulset.apps/db"."""
    group, slash, _ = owner.apiVersion.rpartition("/")
    return (
        f"{owner.kind}.{group}".lower() + f"/{owner.name}" if slash else f"{owner.kind.lower()}/{owner.name}"
    )


def _pod_template(found: core.PodTemplate) -> list[str]:
    return [*images(found.template.spec), pairs(found.template.metadata.labels)]


def _pod_disruption_budget(found: policy.PodDisruptionBudget) -> list[str]:
    spec = found.spec
    return [
        text_of(spec.minAvailable) if spec.HasField("minAvailable") else "N/A",
        text_of(spec.maxUnavailable) if spec.HasField("maxUnavailable") else "N/A",
        str(found.status.disruptionsAllowed),
        age(found.metadata),
    ]


def _pod_group(found: scheduling.PodGroup) -> list[str]:
    policy = found.spec.schedulingPolicy
    scheduled = condition_of(found.status.conditions, "PodGroupScheduled")
    return [
        "Gang" if policy.HasField("gang") else "Basic",
        str(policy.gang.minCount) if policy.HasField("gang") else NONE,
        scheduled.status if scheduled else UNKNOWN,
        age(found.metadata),
    ]


DEPLOYMENTS = Columns(
    (
        NAME,
        Column("Ready"),
        Column("Up-to-date", 0, INTEGER),
        Column("Available", 0, INTEGER),
        AGED,
        *_SELECTED,
    ),
    _deployment,
)
REPLICA_SETS = Columns((NAME, *_COUNTED, AGED, *_SELECTED), _replica_set)
REPLICATION_CONTROLLERS = Columns((NAME, *_COUNTED, AGED, *_SELECTED), _replication_controller)
STATEFUL_SETS = Columns((NAME, Column("Ready"), AGED, *TEMPLATE), _stateful_set)
DAEMON_SETS = Columns(
    (
        NAME,
        *_COUNTED,
        Column("Up-to-date", 0, INTEGER),
        Column("Available", 0, INTEGER),
        Column("Node Selector"),
        AGED,
        *_SELECTED,
    ),
    _daemon_set,
)
CONTROLLER_REVISIONS = Columns(
    (NAME, Column("Controller"), Column("Revision", 0, INTEGER), AGED), _controller_revision
)
POD_TEMPLATES = Columns((NAME, Column("Containers"), Column("Images"), Column("Pod Labels")), _pod_template)
POD_DISRUPTION_BUDGETS = Columns(
    (
        NAME,
        Column("Min Available"),
        Column("Max Unavailable"),
        Column("Allowed Disruptions", 0, INTEGER),
        AGED,
    ),
    _pod_disruption_budget,
)
POD_GROUPS = Columns(
    (NAME, Column("Policy"), Column("Min Count"), Column("Scheduled"), AGED),
    _pod_group,
)
