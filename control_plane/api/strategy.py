"""What the server itself writes into an object at a create or an update, and what it takes out. Pure.

Status is written through the status subresource only; metadata that the server owns is never a client's.
Follows the strategies of Kubernetes' registries and k8s.io/apiserver, pkg/registry/rest.
"""

from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import copy, has_part, metadata, part, time_of
from control_plane.api.qos import qos_class
from control_plane.api.registry import row
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NAMESPACE_FINALIZER = "kubernetes"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
DEFAULT_ACCOUNT = "default"
MAX_GENERATED_BASE = 58  # letters of generateName kept, so that five more make a DNS label


def prepare_create(kind: Kind, obj: Message, *, uid: str, now: float) -> None:
    """Fill in what the server owns of a new object, in place."""
    own = metadata(obj)
    own.uid = uid
    own.creationTimestamp.CopyFrom(time_of(now))
    own.selfLink = ""
    own.ClearField("deletionTimestamp")
    own.ClearField("deletionGracePeriodSeconds")
    own.generation = 0 if row(kind).generation is None else 1
    if not kind.namespaced:
        own.namespace = ""
    if has_part(kind, "status") and not row(kind).status_at_create:
        obj.ClearField("status")
    if isinstance(obj, core.Pod):
        _prepare_pod(obj)
    if isinstance(obj, core.Namespace):
        own.labels[NAMESPACE_LABEL] = own.name
        obj.status.phase = "Active"
        if NAMESPACE_FINALIZER not in obj.spec.finalizers:
            obj.spec.finalizers.append(NAMESPACE_FINALIZER)


def _prepare_pod(pod: core.Pod) -> None:
    spec = pod.spec
    pod.status.phase = "Pending"
    pod.status.qosClass = qos_class(spec)
    if not spec.serviceAccountName:
        spec.serviceAccountName = spec.serviceAccount or DEFAULT_ACCOUNT
    spec.serviceAccount = spec.serviceAccountName


def prepare_update(kind: Kind, new: Message, old: Message) -> None:
    """Put back, in place, what an update of the object itself may not change; count the generation."""
    _keep_metadata(metadata(new), metadata(old))
    if has_part(kind, "status"):
        new.ClearField("status")
        if old.HasField("status"):
            part(new, "status").CopyFrom(part(old, "status"))
    if isinstance(new, core.Namespace) and isinstance(old, core.Namespace):
        _prepare_namespace_update(new, old)
    if any(_at(new, path) != _at(old, path) for path in row(kind).generation or ()):
        metadata(new).generation = metadata(old).generation + 1


def _at(obj: Any, path: str) -> Any:
    for name in path.split("."):
        obj = getattr(obj, name)
    return obj


def _prepare_namespace_update(new: core.Namespace, old: core.Namespace) -> None:
    """Finalizers of a namespace that is not being deleted change through its subresource finalize alone."""
    if not old.metadata.HasField("deletionTimestamp"):
        del new.spec.finalizers[:]
        new.spec.finalizers.extend(old.spec.finalizers)
    new.metadata.labels[NAMESPACE_LABEL] = new.metadata.name


def prepare_status_update(kind: Kind, new: Message, old: Message) -> Message:
    """The old object with the new one's status and, as in Kubernetes, most of its metadata."""
    result = copy(old)
    own, given, known = metadata(result), metadata(new), metadata(old)
    own.CopyFrom(given)
    _keep_metadata(own, known)
    for name in row(kind).status_keeps:
        own.ClearField(name)
        getattr(own, name).MergeFrom(getattr(known, name))
    result.ClearField("status")
    if new.HasField("status"):
        part(result, "status").CopyFrom(part(new, "status"))
    return result


def prepare_finalize(new: Message, old: Message) -> Message:
    """The old namespace with the new one's spec.finalizers."""
    assert isinstance(new, core.Namespace)
    assert isinstance(old, core.Namespace)
    result = copy(old)
    result.metadata.resourceVersion = new.metadata.resourceVersion
    del result.spec.finalizers[:]
    result.spec.finalizers.extend(new.spec.finalizers)
    return result


def _keep_metadata(new: meta.ObjectMeta, old: meta.ObjectMeta) -> None:
    """What clients may leave out is put back; what they change all the same is left for validation to refuse,
    but for a deletion under way, which no update touches."""
    new.generation, new.selfLink = old.generation, ""
    new.uid = new.uid or old.uid
    if not new.HasField("creationTimestamp") or not new.creationTimestamp.seconds:
        new.creationTimestamp.CopyFrom(old.creationTimestamp)
    if old.HasField("deletionTimestamp"):
        new.deletionTimestamp.CopyFrom(old.deletionTimestamp)
        new.ClearField("deletionGracePeriodSeconds")
        if old.HasField("deletionGracePeriodSeconds"):
            new.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
