"""What a request to delete an object does to it: marks it, shortens its grace, or removes it. Pure.

Sources: kubernetes.io/docs/concepts/architecture/garbage-collection, …/workloads/pods/pod-lifecycle.
"""

from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.messages import copy, metadata, time_of
from control_plane.api.strategy import WITH_GENERATION
from control_plane.objects.interface import DeleteOptions, Propagation
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
DEFAULT_POD_GRACE_S = 30
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Remove:
    """Nothing holds the object: it goes at once. `last` is its last state."""

    last: Message


@dataclass(frozen=True, slots=True)
class Mark:
    """The object stays for now, changed to `obj`."""

    obj: Message


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is being deleted already, and the request changes nothing of that."""

    obj: Message


def decide(kind: Kind, obj: Message, options: DeleteOptions, now: float) -> Remove | Mark | Nothing:
    """What deleting `obj` means now."""
    result = copy(obj)
    own = metadata(result)
    _set_propagation(own, options.propagation)
    grace_s = _grace_s(result, options.grace_period_s)
    if own.HasField("deletionTimestamp"):
        left_s = own.deletionGracePeriodSeconds
        if grace_s < left_s:
            began = own.deletionTimestamp.seconds - left_s
            own.deletionTimestamp.seconds = max(began + grace_s, int(now) if not grace_s else 0)
            own.deletionGracePeriodSeconds = grace_s
    else:
        own.deletionTimestamp.CopyFrom(time_of(now + grace_s))
        own.deletionGracePeriodSeconds = grace_s
        if kind.name in WITH_GENERATION:
            own.generation += 1
        if isinstance(result, core.Namespace):
            result.status.phase = "Terminating"
    if is_over(result):
        return Remove(result)
    return Nothing(result) if result == obj else Mark(result)


def is_over(obj: Message) -> bool:
    """Whether deletion was asked for and nothing holds the object any more: no grace, no finalizers."""
    own = metadata(obj)
    if not own.HasField("deletionTimestamp") or own.finalizers or own.deletionGracePeriodSeconds:
        return False
    return not (isinstance(obj, core.Namespace) and obj.spec.finalizers)


def _grace_s(obj: Message, asked_s: int | None) -> int:
    """Only pods that run somewhere have grace."""
    if not isinstance(obj, core.Pod) or not obj.spec.nodeName or obj.status.phase in FINISHED:
        return 0
    if asked_s is not None:
        return asked_s
    if obj.spec.HasField("terminationGracePeriodSeconds"):
        return obj.spec.terminationGracePeriodSeconds
    return DEFAULT_POD_GRACE_S


def _set_propagation(own: meta.ObjectMeta, propagation: Propagation | None) -> None:
    if propagation is None:
        return
    wanted = {Propagation.FOREGROUND: FOREGROUND, Propagation.ORPHAN: ORPHAN}.get(propagation)
    kept = [name for name in own.finalizers if name not in (FOREGROUND, ORPHAN)]
    del own.finalizers[:]
    own.finalizers.extend([*kept, wanted] if wanted else kept)
