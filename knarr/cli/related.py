"""The objects that belong to one and are described with it."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api.selectors import from_message
from knarr.client import Client, metadata_of
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import discovery_v1_pb2 as discovery

SERVICE_NAME = "kubernetes.io/service-name"


async def related(client: Client, obj: Message) -> Sequence[Message]:
    """What the description of this object speaks of besides it; nothing for most kinds."""
    namespace = metadata_of(obj).namespace
    match obj:
        case core.Node():
            return (await client.list(core.Pod, "", fields=f"spec.nodeName={obj.metadata.name}")).items
        case core.Namespace():
            name = obj.metadata.name
            quotas = await client.list(core.ResourceQuota, name)
            return [*quotas.items, *(await client.list(core.LimitRange, name)).items]
        case core.Service():
            labels = f"{SERVICE_NAME}={obj.metadata.name}"
            return (await client.list(discovery.EndpointSlice, namespace, labels=labels)).items
        case apps.Deployment():
            labels = str(from_message(obj.spec.selector))
            sets = await client.list(apps.ReplicaSet, namespace, labels=labels)
            own = [found for found in sets.items if _owned(found, obj)]
            return [*await _pods(client, namespace, labels), *own]
        case apps.ReplicaSet() | apps.StatefulSet() | apps.DaemonSet() | batch.Job():
            return await _pods(client, namespace, str(from_message(obj.spec.selector)))
        case _:
            return []


async def _pods(client: Client, namespace: str, labels: str) -> Sequence[core.Pod]:
    return (await client.list(core.Pod, namespace, labels=labels)).items if labels else []


def _owned(found: apps.ReplicaSet, owner: Message) -> bool:
    uid = metadata_of(owner).uid
    return any(reference.uid == uid for reference in found.metadata.ownerReferences)
