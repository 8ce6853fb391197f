"""What the API knows of each served kind beyond its names: fields to select by, columns, verbs.

Names, scope, message and storage key of a kind stand in knarr/api/kinds.py; defaults and validation in
control_plane/api/rules; how its rows look in control_plane/api/tables. Here they come together.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from knarr.api.kinds import EVENT, KINDS, NODE, POD, SECRET, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def field_values(kind: Kind, obj: Message) -> Mapping[str, str]:
    """The text of every field by which objects of the kind can be selected."""
    own = metadata(obj)
    values = {"metadata.name": own.name}
    if kind.namespaced:
        values["metadata.namespace"] = own.namespace
    more = _FIELDS.get(kind.name)
    if more is not None:
        values.update(more(obj))
    return values


def _pod(pod: core.Pod) -> dict[str, str]:
    spec, status = pod.spec, pod.status
    return {
        "spec.nodeName": spec.nodeName,
        "spec.restartPolicy": spec.restartPolicy,
        "spec.schedulerName": spec.schedulerName,
        "spec.serviceAccountName": spec.serviceAccountName,
        "spec.hostNetwork": "true" if spec.hostNetwork else "false",
        "status.phase": status.phase,
        "status.podIP": status.podIP,
        "status.nominatedNodeName": status.nominatedNodeName,
    }


def _event(event: core.Event) -> dict[str, str]:
    involved = event.involvedObject
    return {
        "involvedObject.kind": involved.kind,
        "involvedObject.namespace": involved.namespace,
        "involvedObject.name": involved.name,
        "involvedObject.uid": involved.uid,
        "involvedObject.apiVersion": involved.apiVersion,
        "involvedObject.resourceVersion": involved.resourceVersion,
        "involvedObject.fieldPath": involved.fieldPath,
        "reason": event.reason,
        "reportingComponent": event.reportingComponent or event.source.component,
        "source": event.source.component or event.reportingComponent,
        "type": event.type,
    }


_FIELDS: dict[str, Callable[[Any], dict[str, str]]] = {
    POD.name: _pod,
    EVENT.name: _event,
    NODE.name: lambda node: {"spec.unschedulable": "true" if node.spec.unschedulable else "false"},
    SECRET.name: lambda secret: {"type": secret.type},
    "Namespace": lambda namespace: {"status.phase": namespace.status.phase},
    "ReplicaSet": lambda replica_set: {"status.replicas": str(replica_set.status.replicas)},
}


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
