"""What the API knows of each served kind beyond its names, one row each.

Names, scope, message and storage key of a kind stand in knarr/api/kinds.py; defaults and validation, by its
message class, in control_plane/api/rules. A kind without a row here has what all kinds have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from control_plane.api import selectable as fields
from control_plane.api.selectable import FieldReader, Fields
from control_plane.api.tables import (
    access,
    autoscaling,
    cluster,
    config,
    jobs,
    limits,
    networking,
    pods,
    storage,
    workloads,
)
from control_plane.api.tables.columns import GENERAL, Columns
from knarr.api import kinds
from knarr.api.kinds import KINDS, Kind
from knarr.proto.services import object_service_pb2 as wire

Kept = tuple[Literal["labels", "ownerReferences"], ...]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
SPEC = ("spec",)


@dataclass(frozen=True, slots=True)
class Row:
    """One kind."""

    columns: Columns = GENERAL
    # By path, beside metadata.name and metadata.namespace, what reads the text of each field by which objects
    # can be selected.
    fields: Fields | None = None
    # The parts of the object of which metadata.generation, which begins at 1, counts the changes; None where
    # objects have no generation.
    generation: tuple[str, ...] | None = None
    # Who creates the object says its status too; else it begins empty.
    status_at_create: bool = False
    # Parts of metadata that a write of status cannot change.
    status_keeps: Kept = ()
    # Whether a deletion that does not say leaves what the object owns: as before there was a choice.
    orphans: bool = False
    # Whether an update creates the object when there is none.
    create_by_update: bool = False
    # Whether an object that goes at once is marked as deleted first, so that watchers learn how it went.
    announced: bool = False


def row(kind: Kind) -> Row:
    """The row of a kind."""
    return ROWS.get(kind.name, _PLAIN)


def verbs(kind: Kind) -> tuple[str, ...]:
    """What can be done to objects of a kind."""
    one_by_one = kind is kinds.NAMESPACE
    return tuple(verb for verb in VERBS if not (one_by_one and verb == "deletecollection"))


def selectable(kind: Kind) -> Fields:
    """By path, how the text of each field is read by which objects of the kind can be selected."""
    return _SELECTABLE.get(kind.name) or _all_fields(kind)


_PLAIN = Row()
_CORE: Mapping[Kind, Row] = {
    kinds.NAMESPACE: Row(cluster.NAMESPACES, fields=fields.NAMESPACE),
    kinds.NODE: Row(cluster.NODES, fields=fields.NODE, status_at_create=True),
    kinds.POD: Row(
        pods.PODS, fields=fields.POD, generation=SPEC, status_keeps=("ownerReferences",), announced=True
    ),
    kinds.POD_TEMPLATE: Row(workloads.POD_TEMPLATES, generation=("template",)),
    kinds.REPLICATION_CONTROLLER: Row(
        workloads.REPLICATION_CONTROLLERS,
        fields=fields.REPLICATION_CONTROLLER,
        generation=SPEC,
        orphans=True,
    ),
    kinds.SERVICE: Row(config.SERVICES, fields=fields.SERVICE, create_by_update=True),
    kinds.ENDPOINTS: Row(networking.ENDPOINTS, create_by_update=True),
    kinds.CONFIG_MAP: Row(config.CONFIG_MAPS),
    kinds.SECRET: Row(config.SECRETS, fields=fields.SECRET),
    kinds.SERVICE_ACCOUNT: Row(access.SERVICE_ACCOUNTS),
    kinds.LIMIT_RANGE: Row(limits.LIMIT_RANGES, create_by_update=True),
    kinds.RESOURCE_QUOTA: Row(limits.RESOURCE_QUOTAS),
    kinds.PERSISTENT_VOLUME: Row(storage.PERSISTENT_VOLUMES),
    kinds.PERSISTENT_VOLUME_CLAIM: Row(storage.PERSISTENT_VOLUME_CLAIMS),
    kinds.EVENT: Row(config.EVENTS, fields=fields.EVENT, create_by_update=True),
}
_WORKLOADS: Mapping[Kind, Row] = {
    kinds.REPLICA_SET: Row(workloads.REPLICA_SETS, generation=SPEC),
    # Annotations count, since they are copied to the replica sets.
    kinds.DEPLOYMENT: Row(
        workloads.DEPLOYMENTS, generation=("spec", "metadata.annotations"), status_keeps=("labels",)
    ),
    kinds.STATEFUL_SET: Row(workloads.STATEFUL_SETS, generation=SPEC),
    kinds.DAEMON_SET: Row(workloads.DAEMON_SETS, generation=SPEC),
    kinds.CONTROLLER_REVISION: Row(workloads.CONTROLLER_REVISIONS),
    kinds.JOB: Row(jobs.JOBS, fields=fields.JOB, generation=SPEC, orphans=True),
    kinds.CRON_JOB: Row(jobs.CRON_JOBS, generation=SPEC),
    kinds.HORIZONTAL_POD_AUTOSCALER: Row(autoscaling.HORIZONTAL_POD_AUTOSCALERS, generation=SPEC),
    kinds.POD_DISRUPTION_BUDGET: Row(workloads.POD_DISRUPTION_BUDGETS, generation=SPEC),
    kinds.PRIORITY_CLASS: Row(cluster.PRIORITY_CLASSES, generation=()),
    kinds.POD_GROUP: Row(workloads.POD_GROUPS, generation=SPEC),
}
_OTHER: Mapping[Kind, Row] = {
    kinds.INGRESS: Row(networking.INGRESSES, generation=SPEC),
    kinds.INGRESS_CLASS: Row(networking.INGRESS_CLASSES, generation=SPEC),
    kinds.NETWORK_POLICY: Row(networking.NETWORK_POLICIES, generation=SPEC),
    kinds.ENDPOINT_SLICE: Row(
        networking.ENDPOINT_SLICES, generation=("addressType", "endpoints", "ports", "metadata.labels")
    ),
    kinds.ROLE: Row(access.ROLES, create_by_update=True),
    kinds.ROLE_BINDING: Row(access.ROLE_BINDINGS, create_by_update=True),
    kinds.CLUSTER_ROLE: Row(access.ROLES, create_by_update=True),
    kinds.CLUSTER_ROLE_BINDING: Row(access.ROLE_BINDINGS, create_by_update=True),
    kinds.STORAGE_CLASS: Row(storage.STORAGE_CLASSES),
    kinds.LEASE: Row(cluster.LEASES, create_by_update=True),
}
ROWS: Mapping[str, Row] = {
    kind.name: row for family in (_CORE, _WORKLOADS, _OTHER) for kind, row in family.items()
}


def _all_fields(kind: Kind) -> Fields:
    found: dict[str, FieldReader] = {"metadata.name": lambda obj: obj.metadata.name}
    if kind.namespaced:
        found["metadata.namespace"] = lambda obj: obj.metadata.namespace
    return {**found, **(row(kind).fields or {})}


_SELECTABLE = {kind.name: _all_fields(kind) for kind in KINDS}


def resources() -> wire.ResourcesResponse:
    """The served kinds, as discovery tells them."""
    response = wire.ResourcesResponse()
    for kind in KINDS:
        response.resources.add(
            api_version=kind.api_version,
            kind=kind.name,
            plural=kind.plural,
            singular=kind.singular,
            short_names=kind.short_names,
            namespaced=kind.namespaced,
            verbs=verbs(kind),
            subresources=kind.subresources,
        )
    return response
