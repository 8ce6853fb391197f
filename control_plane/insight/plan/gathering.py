"""What a plan's fork begins with: the objects that documents are about, all that they own, and what admission
asks for. Only reads."""

from collections.abc import Iterable, Iterator

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.objects.interface import ObjectKey, Objects
from knarr.api import kinds
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.kubernetes import storage_v1_pb2 as storage

# What owns pods, directly or not, and what it owns.
OWNED: dict[type[Message], tuple[type[Message], ...]] = {
    apps.Deployment: (apps.ReplicaSet,),
    apps.ReplicaSet: (core.Pod,),
    apps.StatefulSet: (apps.ControllerRevision, core.Pod),
    apps.DaemonSet: (apps.ControllerRevision, core.Pod),
    core.ReplicationController: (core.Pod,),
    batch.CronJob: (batch.Job,),
    batch.Job: (core.Pod,),
}
# What admission asks for, and what volumes are bound by.
_OF_NAMESPACE: tuple[type[Message], ...] = (
    core.PersistentVolumeClaim,
    core.ServiceAccount,
    core.LimitRange,
    core.ResourceQuota,
    groups.PodGroup,
)
_OF_CLUSTER: tuple[type[Message], ...] = (
    scheduling.PriorityClass,
    core.PersistentVolume,
    storage.StorageClass,
    networking.IngressClass,
)


def gather(objects: Objects, about: Iterable[ObjectKey]) -> list[Message]:
    """Everything that the fork needs for documents about these objects, which need not exist."""
    keys = list(dict.fromkeys(about))
    found: dict[ObjectKey, Message] = {}
    for key in keys:
        obj = objects.get(_message(key.kind), key.namespace, key.name)
        if obj is not None:
            _add(found, _with_family(objects, obj))
    for namespace in sorted({key.namespace for key in keys} - {""}):
        own = objects.get(core.Namespace, "", namespace)
        _add(found, () if own is None else (own,))
        for kind in _OF_NAMESPACE:
            _add(found, objects.list(kind, namespace))
    for kind in _OF_CLUSTER:
        _add(found, objects.list(kind))
    if any(key.kind == "DaemonSet" for key in keys):
        _add(found, objects.list(core.Node))
    return list(found.values())


def _message(kind: str) -> type[Message]:
    found = kinds.find_alias(kind)
    assert found is not None
    return found.message


def _with_family(objects: Objects, obj: Message) -> Iterator[Message]:
    yield obj
    own = metadata(obj)
    for kind in OWNED.get(type(obj), ()):
        for owned in objects.list(kind, own.namespace, owner_uid=own.uid):
            yield from _with_family(objects, owned)


def _add(found: dict[ObjectKey, Message], objects: Iterable[Message]) -> None:
    for obj in objects:
        own = metadata(obj)
        found[ObjectKey(kinds.of(obj).name, own.namespace, own.name)] = obj
