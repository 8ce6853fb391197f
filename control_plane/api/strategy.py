"""What the server itself writes into an object at a create or an update, and what it takes out. Pure.

Status is written through the status subresource only; metadata that the server owns is never a client's. What
is done to objects of one kind alone stands in control_plane/api/strategies. Follows the strategies of
Kubernetes' registries and k8s.io/apiserver, pkg/registry/rest.
"""

from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import copy, has_part, metadata, part
from control_plane.api.registry import row
from control_plane.api.strategies import strategy_of
from knarr.api.kinds import Kind
from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

MAX_GENERATED_BASE = 58  # letters of generateName kept, so that five more make a DNS label


def prepare_create(kind: Kind, obj: Message, *, uid: str, now: float) -> None:
    """Fill in what the server owns of a new object, in place; before defaults and admission."""
    own = metadata(obj)
    own.uid = uid
    own.creationTimestamp.CopyFrom(timestamp(now))
    own.selfLink = ""
    own.ClearField("deletionTimestamp")
    own.ClearField("deletionGracePeriodSeconds")
    if row(kind).generation is not None:
        own.generation = 1
    if not kind.namespaced:
        own.namespace = ""
    if has_part(kind, "status") and not row(kind).status_at_create:
        obj.ClearField("status")
    strategy_of(kind).create(obj)


def finish_create(kind: Kind, obj: Message) -> None:
    """What rests on defaults and admission, in place."""
    strategy_of(kind).finish_create(obj)


def canonicalize(kind: Kind, obj: Message) -> None:
    """What the server writes into a valid object, in place: no rule is about it."""
    strategy_of(kind).canonicalize(obj)


def prepare_update(kind: Kind, new: Message, old: Message) -> None:
    """Put back, in place, what an update of the object itself may not change; before defaults, admission."""
    _keep_metadata(metadata(new), metadata(old))
    if not kind.namespaced:
        metadata(new).namespace = ""
    if has_part(kind, "status"):
        new.ClearField("status")
        if old.HasField("status"):
            part(new, "status").CopyFrom(part(old, "status"))
    strategy_of(kind).update(new, old)


def finish_update(kind: Kind, new: Message, old: Message) -> None:
    """Count the generation, in place, and what else rests on defaults and admission."""
    strategy_of(kind).finish_update(new, old)
    if any(_at(new, path) != _at(old, path) for path in row(kind).generation or ()):
        metadata(new).generation = metadata(old).generation + 1


def _at(obj: Any, path: str) -> Any:
    for name in path.split("."):
        obj = getattr(obj, name)
    return obj


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
    strategy_of(kind).status(result, old)
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
    """No write changes when an object was created, or a deletion under way; what else of the server's own a
    write leaves out is put back, and what it changes is left for validation to refuse."""
    new.generation, new.selfLink = old.generation, ""
    new.uid = new.uid or old.uid
    new.ClearField("creationTimestamp")
    if old.HasField("creationTimestamp"):
        new.creationTimestamp.CopyFrom(old.creationTimestamp)
    if old.HasField("deletionTimestamp"):
        new.deletionTimestamp.CopyFrom(old.deletionTimestamp)
    if old.HasField("deletionGracePeriodSeconds") and not new.HasField("deletionGracePeriodSeconds"):
        new.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
