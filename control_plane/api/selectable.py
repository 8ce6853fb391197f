"""The fields by which objects of a kind can be selected, beside metadata.name and metadata.namespace.

As Kubernetes has them, by path: what reads the text of the field from an object. Pure.
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

FieldReader = Callable[[Any], str]
Fields = Mapping[str, FieldReader]


def _flag(value: bool) -> str:
    return "true" if value else "false"


POD: Final[Fields] = {
    "spec.nodeName": lambda pod: pod.spec.nodeName,
    "spec.restartPolicy": lambda pod: pod.spec.restartPolicy,
    "spec.schedulerName": lambda pod: pod.spec.schedulerName,
    "spec.serviceAccountName": lambda pod: pod.spec.serviceAccountName,
    "spec.hostNetwork": lambda pod: _flag(pod.spec.hostNetwork),
    "status.phase": lambda pod: pod.status.phase,
    "status.podIP": lambda pod: pod.status.podIP,
    "status.nominatedNodeName": lambda pod: pod.status.nominatedNodeName,
}
EVENT: Final[Fields] = {
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
NODE: Final[Fields] = {"spec.unschedulable": lambda node: _flag(node.spec.unschedulable)}
NAMESPACE: Final[Fields] = {"status.phase": lambda namespace: namespace.status.phase}
SECRET: Final[Fields] = {"type": lambda secret: secret.type}
SERVICE: Final[Fields] = {
    "spec.clusterIP": lambda service: service.spec.clusterIP,
    "spec.type": lambda service: service.spec.type,
}
JOB: Final[Fields] = {"status.successful": lambda job: str(job.status.succeeded)}
REPLICATION_CONTROLLER: Final[Fields] = {
    "status.replicas": lambda controller: str(controller.status.replicas)
}
