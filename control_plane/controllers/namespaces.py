"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Source: Kubernetes' namespaced resources deleter (KEP-5080: pods first, for what they use must outlive them).
Nothing new can come: the API refuses to create in a namespace that is Terminating.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.controllers.actions import (
    Action,
    Failure,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
    delete,
    metadata,
)
from control_plane.controllers.loop import KeysOf
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.api.conditions import set_condition
from knarr.api.kinds import KINDS, NAMESPACE, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core

FINALIZER = "kubernetes"
BURST = 500  # objects deleted by one decision
RECHECK_S = 15.0  # what is left is looked at again this often, whatever was missed
_CONTENTS = tuple(kind for kind in KINDS if kind.namespaced)


@dataclass(frozen=True, slots=True)
class NamespaceSnapshot:
    """A namespace that is being deleted and what is in it."""

    namespace: core.Namespace
    contents: tuple[tuple[Kind, tuple[Message, ...]], ...]  # kinds of which there is something
    failure: Failure | None = None


class NamespaceController:
    """Deletes namespaces."""

    name = "namespace"
    primaries: Sequence[type[Message]] = (core.Namespace,)

    def __init__(self) -> None:
        self._terminating: set[str] = set()
        self.watches: Mapping[type[Message], KeysOf] = {
            core.Namespace: self._of_namespace,
            **{kind.message: self._of_content for kind in _CONTENTS},
        }

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> NamespaceSnapshot | None:
        namespace = objects.get(core.Namespace, "", key.name)
        if namespace is None or not _is_going(namespace):
            return None
        lists = ((kind, tuple(objects.list(kind.message, key.name))) for kind in _CONTENTS)
        contents = tuple((kind, found) for kind, found in lists if found)
        return NamespaceSnapshot(namespace, contents, failure)

    def decide(self, snapshot: NamespaceSnapshot, now: float) -> tuple[Action, ...]:
        """Pods, then all else, then the namespace's own finalizer; saying what is still there."""
        namespace = snapshot.namespace
        after = copy_of(namespace)
        after.status.phase = "Terminating"
        for type_, status, reason, message in _conditions(snapshot):
            set_condition(after.status.conditions, type_, status, reason, message, now)
        said: tuple[Action, ...] = () if after.status == namespace.status else (UpdateStatus(after),)
        if not snapshot.contents:
            freed = copy_of(namespace)
            freed.spec.finalizers.remove(FINALIZER)
            return (*said, Update(freed))
        first = [obj for kind, found in snapshot.contents if kind.name == "Pod" for obj in found]
        current = first or [obj for _, found in snapshot.contents for obj in found]
        waiting = [obj for obj in current if not metadata(obj).HasField("deletionTimestamp")]
        return (*said, *(delete(obj) for obj in waiting[:BURST]), RequeueAfter(RECHECK_S))

    def _of_namespace(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        if isinstance(change.new, core.Namespace) and _is_going(change.new):
            self._terminating.add(change.key.name)
            return (change.key,)
        self._terminating.discard(change.key.name)
        return ()

    def _of_content(self, objects: Objects, change: ObjectChange) -> Sequence[ObjectKey]:
        name = change.key.namespace
        return (ObjectKey(NAMESPACE.name, "", name),) if name in self._terminating else ()


def _is_going(namespace: core.Namespace) -> bool:
    return namespace.metadata.HasField("deletionTimestamp") and FINALIZER in namespace.spec.finalizers


def _conditions(snapshot: NamespaceSnapshot) -> tuple[tuple[str, str, str, str], ...]:
    """Kubernetes' conditions of a namespace that is being deleted: (type, status, reason, message)."""
    counts = [(kind.plural, len(found)) for kind, found in snapshot.contents]
    finalizers: dict[str, int] = {}
    for _, found in snapshot.contents:
        for obj in found:
            for name in metadata(obj).finalizers:
                finalizers[name] = finalizers.get(name, 0) + 1
    remains = ", ".join(f"{plural} has {count} resource instances" for plural, count in counts)
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    failure = snapshot.failure
    return (
        _condition(
            "NamespaceDeletionContentFailure",
            ("ContentDeletionFailed", failure.message) if failure else None,
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        _condition(
            "NamespaceContentRemaining",
            ("SomeResourcesRemain", f"Some resources are remaining: {remains}") if counts else None,
            ("ContentRemoved", "All content successfully removed"),
        ),
        _condition(
            "NamespaceFinalizersRemaining",
            ("SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}")
            if finalizers
            else None,
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    )


def _condition(
    type_: str, when_true: tuple[str, str] | None, otherwise: tuple[str, str]
) -> tuple[str, str, str, str]:
    reason, message = when_true or otherwise
    return type_, "False" if when_true is None else "True", reason, message
