"""Tables of replica sets and deployments, as kubectl's."""

from control_plane.api.tables.columns import AGE, INTEGER, NONE, WIDE, Column, Columns, age, images
from knarr.api.selectors import from_message
from knarr.proto.kubernetes import apps_v1_pb2 as apps

_TEMPLATE = (Column("Containers", WIDE), Column("Images", WIDE), Column("Selector", WIDE))


def _deployment(found: apps.Deployment) -> list[str]:
    status = found.status
    return [
        f"{status.readyReplicas}/{found.spec.replicas}",
        str(status.updatedReplicas),
        str(status.availableReplicas),
        age(found.metadata),
        *images(found.spec.template.spec),
        str(from_message(found.spec.selector)) or NONE,
    ]


def _replica_set(found: apps.ReplicaSet) -> list[str]:
    return [
        str(found.spec.replicas),
        str(found.status.replicas),
        str(found.status.readyReplicas),
        age(found.metadata),
        *images(found.spec.template.spec),
        str(from_message(found.spec.selector)) or NONE,
    ]


DEPLOYMENTS = Columns(
    (
        Column("Name"),
        Column("Ready"),
        Column("Up-to-date", 0, INTEGER),
        Column("Available", 0, INTEGER),
        Column("Age", 0, AGE),
        *_TEMPLATE,
    ),
    _deployment,
)
REPLICA_SETS = Columns(
    (
        Column("Name"),
        Column("Desired", 0, INTEGER),
        Column("Current", 0, INTEGER),
        Column("Ready", 0, INTEGER),
        Column("Age", 0, AGE),
        *_TEMPLATE,
    ),
    _replica_set,
)
