"""What the API knows of each served kind beyond its names: fields to select by, verbs.

Names, scope, message and storage key of a kind stand in knarr/api/kinds.py; defaults and validation in
control_plane/api/rules; how its rows look in control_plane/api/tables. Here they come together.
"""

from collections.abc import Callable, Mapping
from typing import Any

from knarr.api.kinds import EVENT, KINDS, NAMESPACE, NODE, POD, SECRET, Kind
from knarr.proto.services import object_service_pb2 as wire

FieldReader = Callable[[Any], str]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def selectable(kind: Kind) -> Mapping[str, FieldReader]:
    """By path, how the text of each field is read by which objects of the kind can be selected."""
    return _SELECTABLE.get(kind.name, _NAMESPACED if kind.namespaced else _NAMED)


def _flag(value: bool) -> str:
    return "true" if value else "false"


_NAMED: Mapping[str, FieldReader] = {"metadata.name": lambda obj: obj.metadata.name}
_NAMESPACED: Mapping[str, FieldReader] = {
    **_NAMED,
    "metadata.namespace": lambda obj: obj.metadata.namespace,
}
_POD: Mapping[str, FieldReader] = {
    **_NAMESPACED,
    "spec.nodeName": lambda pod: pod.spec.nodeName,
    "spec.restartPolicy": lambda pod: pod.spec.restartPolicy,
    "spec.schedulerName": lambda pod: pod.spec.schedulerName,
    "spec.serviceAccountName": lambda pod: pod.spec.serviceAccountName,
    "spec.hostNetwork": lambda pod: _flag(pod.spec.hostNetwork),
    "status.phase": lambda pod: pod.status.phase,
    "status.podIP": lambda pod: pod.status.podIP,
    "status.nominatedNodeName": lambda pod: pod.status.nominatedNodeName,
}
_EVENT: Mapping[str, FieldReader] = {
    **_NAMESPACED,
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
_SELECTABLE: Mapping[str, Mapping[str, FieldReader]] = {
    POD.name: _POD,
    EVENT.name: _EVENT,
    NODE.name: {**_NAMED, "spec.unschedulable": lambda node: _flag(node.spec.unschedulable)},
    SECRET.name: {**_NAMESPACED, "type": lambda secret: secret.type},
    NAMESPACE.name: {**_NAMED, "status.phase": lambda namespace: namespace.status.phase},
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
