"""What the API knows of each served kind beyond its names, one row each.

Names, scope, message and storage key of a kind stand in knarr/api/kinds.py; defaults and validation, by its
message class, in control_plane/api/rules. A kind without a row here has what all kinds have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from control_plane.api.tables import cluster, config, pods, workloads
from control_plane.api.tables.columns import GENERAL, Columns
from knarr.api import kinds
from knarr.api.kinds import KINDS, Kind
from knarr.proto.services import object_service_pb2 as wire

FieldReader = Callable[[Any], str]
Fields = Mapping[str, FieldReader]
Kept = tuple[Literal["labels", "ownerReferences"], ...]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Row:
    """One kind."""

    columns: Columns = GENERAL
    # By path, beside metadata.name and metadata.namespace, what reads the text of each field by which objects
    # can be selected.
    fields: Fields | None = None
    # metadata.generation counts changes of spec, or only begins at 1 where there is no spec.
    generation: bool = False
    # Who creates the object says its status too; else it begins empty.
    status_at_create: bool = False
    # Parts of metadata that a write of status cannot change.
    status_keeps: Kept = ()
    # Whether an object that goes at once is marked as deleted first, so that watchers learn how it went.
    announced: bool = False


def row(kind: Kind) -> Row:
    """The row of a kind."""
    return ROWS.get(kind.name, _PLAIN)


def selectable(kind: Kind) -> Fields:
    """By path, how the text of each field is read by which objects of the kind can be selected."""
    return _SELECTABLE.get(kind.name) or _all_fields(kind)


def _flag(value: bool) -> str:
    return "true" if value else "false"


_POD: Fields = {
    "spec.nodeName": lambda pod: pod.spec.nodeName,
    "spec.restartPolicy": lambda pod: pod.spec.restartPolicy,
    "spec.schedulerName": lambda pod: pod.spec.schedulerName,
    "spec.serviceAccountName": lambda pod: pod.spec.serviceAccountName,
    "spec.hostNetwork": lambda pod: _flag(pod.spec.hostNetwork),
    "status.phase": lambda pod: pod.status.phase,
    "status.podIP": lambda pod: pod.status.podIP,
    "status.nominatedNodeName": lambda pod: pod.status.nominatedNodeName,
}
_EVENT: Fields = {
    "involvedObject.kind": lambda event: event.involvedObject.kind,
    "involvedObject.namespace": lambda event: event.involvedObject.namespace,
    "involvedObject.name": lambda event: event.involvedObject.name,
    "involvedObject.uid": lambda event: event.involvedObject.uid,
    "involvedObject.apiVersion": lambda event: event.involvedObject.apiVersion,
    "involvedObject.resourceVersion": lambda event: event.involvedObject.resourceVersion,
    "involvedObject.fieldPath": lambda event: event.involvedObject.fieldPath,
    "reason": lambda event: event.reason,
    "reportingComponent": lambda event: event.reportingComponent or event.source.component,
    "source": lambda event: event.source.component or event.reportingComponent,
    "type": lambda event: event.type,
}
_NODE: Fields = {"spec.unschedulable": lambda node: _flag(node.spec.unschedulable)}

_PLAIN = Row()
ROWS: Mapping[str, Row] = {
    kinds.NAMESPACE.name: Row(
        cluster.NAMESPACES, fields={"status.phase": lambda namespace: namespace.status.phase}
    ),
    kinds.NODE.name: Row(cluster.NODES, fields=_NODE, status_at_create=True),
    kinds.POD.name: Row(
        pods.PODS, fields=_POD, generation=True, status_keeps=("ownerReferences",), announced=True
    ),
    kinds.SERVICE.name: Row(config.SERVICES),
    kinds.CONFIG_MAP.name: Row(config.CONFIG_MAPS),
    kinds.SECRET.name: Row(config.SECRETS, fields={"type": lambda secret: secret.type}),
    kinds.EVENT.name: Row(config.EVENTS, fields=_EVENT),
    kinds.REPLICA_SET.name: Row(workloads.REPLICA_SETS, generation=True),
    kinds.DEPLOYMENT.name: Row(workloads.DEPLOYMENTS, generation=True, status_keeps=("labels",)),
    kinds.PRIORITY_CLASS.name: Row(cluster.PRIORITY_CLASSES, generation=True),
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
            verbs=VERBS,
            subresources=kind.subresources,
        )
    return response
