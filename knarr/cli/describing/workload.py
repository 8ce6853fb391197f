"""Descriptions of deployments and replica sets."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.int_or_string import text_of
from knarr.api.selectors import from_message
from knarr.cli.describing.pod import port_text
from knarr.cli.describing.text import Text
from knarr.cli.readiness import pod_trouble
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

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
        shown = f"{text_of(rolling.maxUnavailable)} max unavailable, {text_of(rolling.maxSurge)} max surge"
        text.field("Rolling update", shown)
    if spec.paused:
        text.field("Paused", "yes")
    template(text, spec.template)
    text.conditions(status.conditions)
    replica_sets = [found for found in related if isinstance(found, apps.ReplicaSet)]
    sets = [
        (
            found.metadata.name,
            found.metadata.annotations.get(REVISION, ""),
            f"{found.status.readyReplicas}/{found.spec.replicas}",
        )
        for found in sorted(replica_sets, key=_revision)
        if found.spec.replicas or found.status.replicas
    ]
    text.table("Replica sets", ("NAME", "REVISION", "READY"), sets)
    trouble(text, related)


def describe_replica_set(text: Text, obj: apps.ReplicaSet, related: Sequence[Message]) -> None:
    """Counts, template, and what keeps pods from running."""
    text.metadata(obj.metadata)
    text.field("Selector", from_message(obj.spec.selector))
    text.field(
        "Replicas",
        f"{obj.spec.replicas} desired | {obj.status.replicas} total | {obj.status.readyReplicas} ready | "
        f"{obj.status.availableReplicas} available",
    )
    template(text, obj.spec.template)
    text.conditions(obj.status.conditions)
    trouble(text, related)


def describe_stateful_set(text: Text, obj: apps.StatefulSet, related: Sequence[Message]) -> None:
    """Counts, strategy, template, claims, and what keeps pods from running."""
    spec, status = obj.spec, obj.status
    text.metadata(obj.metadata)
    text.field("Selector", from_message(spec.selector))
    text.field("Service", spec.serviceName)
    text.field(
        "Replicas",
        f"{spec.replicas} desired | {status.updatedReplicas} updated | {status.replicas} total | "
        f"{status.readyReplicas} ready",
    )
    text.field("Pod management", spec.podManagementPolicy)
    text.field("Update strategy", spec.updateStrategy.type)
    template(text, spec.template)
    claims = [
        (claim.metadata.name, claim.spec.resources.requests["storage"].string, claim.spec.storageClassName)
        for claim in spec.volumeClaimTemplates
    ]
    if claims:
        text.table("Volume claims", ("NAME", "STORAGE", "CLASS"), claims)
    text.conditions(status.conditions)
    trouble(text, related)


def describe_daemon_set(text: Text, obj: apps.DaemonSet, related: Sequence[Message]) -> None:
    """Counts over nodes, strategy, template, and what keeps pods from running."""
    status = obj.status
    text.metadata(obj.metadata)
    text.field("Selector", from_message(obj.spec.selector))
    text.mapping("Node selector", obj.spec.template.spec.nodeSelector)
    text.field(
        "Nodes",
        f"{status.desiredNumberScheduled} desired | {status.currentNumberScheduled} have it | "
        f"{status.updatedNumberScheduled} updated | {status.numberReady} ready | "
        f"{status.numberMisscheduled} should not have it",
    )
    text.field("Update strategy", obj.spec.updateStrategy.type)
    template(text, obj.spec.template)
    text.conditions(status.conditions)
    trouble(text, related)


def template(text: Text, found: core.PodTemplateSpec) -> None:
    """What the pods will be: labels, and each container's image, ports and requests."""
    with text.block("Pod template"):
        text.mapping("Labels", found.metadata.labels)
        for container in (*found.spec.initContainers, *found.spec.containers):
            with text.block(f"Container {container.name}"):
                text.field("Image", container.image)
                text.field("Ports", ", ".join(port_text(port) for port in container.ports))
                requests = {name: amount.string for name, amount in container.resources.requests.items()}
                if requests:
                    text.mapping("Requests", requests)


def trouble(text: Text, related: Sequence[Message]) -> None:
    """What keeps the pods among the related objects from running."""
    pods = [found for found in related if isinstance(found, core.Pod)]
    reasons = pod_trouble(pods)
    if reasons:
        text.listing("Not running because", reasons)


def _revision(replica_set: apps.ReplicaSet) -> int:
    return int(replica_set.metadata.annotations.get(REVISION, "0"))
