"""What the server itself writes into an object at a create or an update, and what it takes out. Pure.

Status is written through the status subresource only; metadata that the server owns is never a client's.
"""

from google.protobuf.message import Message

from control_plane.api.messages import copy, has_part, metadata, part, time_of
from knarr.api.kinds import DEPLOYMENT, NODE, POD, REPLICA_SET, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

# Kinds whose generation counts changes of spec.
WITH_GENERATION = frozenset({POD.name, DEPLOYMENT.name, REPLICA_SET.name})
# An agent registers its node with the status that it has.
STATUS_AT_CREATE = frozenset({NODE.name})
NAMESPACE_FINALIZER = "kubernetes"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
MAX_GENERATED_BASE = 58  # letters of generateName kept, so that five more make a DNS label


def prepare_create(kind: Kind, obj: Message, *, uid: str, now: float) -> None:
    """Fill in what the server owns of a new object, in place."""
    own = metadata(obj)
    own.uid = uid
    own.creationTimestamp.CopyFrom(time_of(now))
    own.selfLink = ""
    own.ClearField("deletionTimestamp")
    own.ClearField("deletionGracePeriodSeconds")
    own.generation = 1 if kind.name in WITH_GENERATION else 0
    if has_part(kind, "status") and kind.name not in STATUS_AT_CREATE:
        obj.ClearField("status")
    if isinstance(obj, core.Pod):
        obj.status.phase = "Pending"
        obj.status.qosClass = qos_class(obj.spec)
    if isinstance(obj, core.Namespace):
        own.labels[NAMESPACE_LABEL] = own.name
        obj.status.phase = "Active"
        if NAMESPACE_FINALIZER not in obj.spec.finalizers:
            obj.spec.finalizers.append(NAMESPACE_FINALIZER)


def prepare_update(kind: Kind, new: Message, old: Message) -> None:
    """Put back, in place, what an update of the object itself may not change; count the generation."""
    _keep_metadata(metadata(new), metadata(old))
    if has_part(kind, "status"):
        new.ClearField("status")
        if old.HasField("status"):
            part(new, "status").CopyFrom(part(old, "status"))
    if isinstance(new, core.Namespace) and isinstance(old, core.Namespace):
        if not old.metadata.HasField("deletionTimestamp"):
            del new.spec.finalizers[:]
            new.spec.finalizers.extend(old.spec.finalizers)
        new.metadata.labels[NAMESPACE_LABEL] = new.metadata.name
    if kind.name in WITH_GENERATION and part(new, "spec") != part(old, "spec"):
        metadata(new).generation = metadata(old).generation + 1


def prepare_status_update(kind: Kind, new: Message, old: Message) -> Message:
    """The old object with the new one's status."""
    result = copy(old)
    part(result, "status").CopyFrom(part(new, "status"))
    return result


def _keep_metadata(new: meta.ObjectMeta, old: meta.ObjectMeta) -> None:
    new.uid, new.generation, new.selfLink = old.uid, old.generation, ""
    new.creationTimestamp.CopyFrom(old.creationTimestamp)
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        new.ClearField(name)
    if old.HasField("deletionTimestamp"):
        new.deletionTimestamp.CopyFrom(old.deletionTimestamp)
    if old.HasField("deletionGracePeriodSeconds"):
        new.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds


def qos_class(spec: core.PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of cpu and memory
    (kubernetes.io/docs/concepts/workloads/pods/pod-qos)."""
    containers = (*spec.containers, *spec.initContainers)
    some = any(
        name in amounts
        for container in containers
        for amounts in (container.resources.requests, container.resources.limits)
        for name in ("cpu", "memory")
    )
    if not some:
        return "BestEffort"
    return "Guaranteed" if all(_guaranteed(container) for container in containers) else "Burstable"


def _guaranteed(container: core.Container) -> bool:
    requests, limits = container.resources.requests, container.resources.limits
    return all(
        name in limits and (name not in requests or requests[name].string == limits[name].string)
        for name in ("cpu", "memory")
    )
