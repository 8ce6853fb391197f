"""What a plan is asked to apply, and how much of it can be followed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from control_plane.objects.interface import ObjectKey
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services.object_service_pb2 import Reference

MOST_PODS = 5_000  # of all documents of a plan


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be applied, for whom."""

    kind: Kind
    namespace: str
    name: str
    value: Mapping[str, Any]
    manager: str
    force: bool
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.kind.name, self.namespace, self.name)

    @property
    def reference(self) -> Reference:
        kind = self.kind
        return Reference(
            api_version=kind.api_version, kind=kind.name, namespace=self.namespace, name=self.name
        )


def wanted_pods(obj: Message) -> int:
    """How many pods the object asks for."""
    match obj:
        case apps.Deployment() | apps.ReplicaSet() | apps.StatefulSet() | core.ReplicationController():
            return obj.spec.replicas
        case batch.Job():
            return obj.spec.parallelism
        case core.Pod():
            return 1
    return 0
