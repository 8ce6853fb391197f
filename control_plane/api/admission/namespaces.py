"""NamespaceLifecycle: what may be made in a namespace, and what may not be deleted. Pure."""

from typing import Final

from google.protobuf.message import Message

from control_plane.api.admission.priorities import SYSTEM_PRIORITIES
from control_plane.api.messages import metadata
from control_plane.api.refusals import forbidden, not_found
from knarr.api.kinds import EVENT, NAMESPACE, PRIORITY_CLASS, Kind
from knarr.errors import Cause
from knarr.proto.kubernetes import core_v1_pb2 as core

# They rest in nothing and everything rests in them.
IMMORTAL: Final = ("default", "kube-system", "kube-public", "kube-node-lease")


def admit_namespace(kind: Kind, obj: Message, namespace: core.Namespace | None) -> None:
    """A new object's namespace must exist and not be on its way out."""
    if not kind.namespaced:
        return
    own = metadata(obj)
    if namespace is None:
        raise not_found(NAMESPACE, own.namespace)
    if namespace.metadata.HasField("deletionTimestamp") and kind is not EVENT:
        why = f"unable to create new content in namespace {own.namespace} because it is being terminated"
        cause = Cause(
            "metadata.namespace", "NamespaceTerminating", f"namespace {own.namespace} is being terminated"
        )
        raise forbidden(kind, own.name, why, [cause])


def admit_deletion(kind: Kind, name: str) -> None:
    """The namespaces that everything rests on stay, and so do the system's priority classes."""
    if kind is NAMESPACE and name in IMMORTAL:
        raise forbidden(NAMESPACE, name, "this namespace may not be deleted")
    if kind is PRIORITY_CLASS and name in SYSTEM_PRIORITIES:
        raise forbidden(kind, name, "this is a system priority class and cannot be deleted")
