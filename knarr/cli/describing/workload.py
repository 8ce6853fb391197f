"""Descriptions of deployments and replica sets."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.selectors import from_message
from knarr.cli.describing.pod import port_text
from knarr.cli.describing.text import Text
from knarr.cli.readiness import pod_trouble
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

REVISION = "deployment.kubernetes.io/revision"


def describe_deployment(text: Text, obj: apps.Deployment, related: Sequence[Message]) -> None:
    """Strategy, counts, template, replica sets, and what keeps pods from running."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Selector", from_message(spec.selector))
    text.field(
        "Replicas",
        f"{spec.replicas} desired | {status.updatedReplicas} updated | {status.replicas} total | "
        f"{status.availableReplicas} available | {status.unavailableReplicas} unavailable",
    )
    text.field("Strategy", spec.strategy.type)
    rolling = spec.strategy.rollingUpdate
    if spec.strategy.HasField("rollingUpdate"):
        shown = f"{_amount(rolling.maxUnavailable)} max unavailable, {_amount(rolling.maxSurge)} max surge"
        text.field("Rolling update", shown)
    if spec.paused:
        text.field("Paused", "yes")
    _template(text, spec.template)
    rows = [(found.type, found.status, found.reason, found.message) for found in status.conditions]
    text.table("Conditions", ("TYPE", "STATUS", "REASON", "MESSAGE"), rows)
    replica_sets = [found for found in related if isinstance(found, apps.ReplicaSet)]
    sets = [
        (
            found.metadata.name,
            found.metadata.annotations.get(REVISION, ""),
            f"{found.status.readyReplicas}/{found.spec.replicas}",
        )
        for found in sorted(
            replica_sets, key=lambda found: int(found.metadata.annotations.get(REVISION, "0"))
        )
        if found.spec.replicas or found.status.replicas
    ]
    text.table("Replica sets", ("NAME", "REVISION", "READY"), sets)
    _trouble(text, related)


def describe_replica_set(text: Text, obj: apps.ReplicaSet, related: Sequence[Message]) -> None:
    """Counts, template, and what keeps pods from running."""
    text.metadata(obj.metadata)
    text.field("Selector", from_message(obj.spec.selector))
    text.field(
        "Replicas",
        f"{obj.spec.replicas} desired | {obj.status.replicas} total | {obj.status.readyReplicas} ready | "
        f"{obj.status.availableReplicas} available",
    )
    _template(text, obj.spec.template)
    rows = [(found.type, found.status, found.reason, found.message) for found in obj.status.conditions]
    text.table("Conditions", ("TYPE", "STATUS", "REASON", "MESSAGE"), rows)
    _trouble(text, related)


def _template(text: Text, template: core.PodTemplateSpec) -> None:
    with text.block("Pod template"):
        text.mapping("Labels", template.metadata.labels)
        for container in (*template.spec.initContainers, *template.spec.containers):
            with text.block(f"Container {container.name}"):
                text.field("Image", container.image)
                text.field("Ports", ", ".join(port_text(port) for port in container.ports))
                requests = {name: amount.string for name, amount in container.resources.requests.items()}
                if requests:
                    text.mapping("Requests", requests)


def _trouble(text: Text, related: Sequence[Message]) -> None:
    pods = [found for found in related if isinstance(found, core.Pod)]
    reasons = pod_trouble(pods)
    if reasons:
        text.listing("Not running because", reasons)


def _amount(value: meta.IntOrString) -> str:
    return value.strVal if value.type == 1 else str(value.intVal)


def _revision(replica_set: apps.ReplicaSet) -> int:
    return int(replica_set.metadata.annotations.get(REVISION, "0"))
