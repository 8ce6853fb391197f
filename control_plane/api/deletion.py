"""What a request to delete an object does to it: marks it, shortens its grace, or removes it. Pure.

Sources: kubernetes.io/docs/concepts/architecture/garbage-collection, …/workloads/pods/pod-lifecycle, and
k8s.io/apiserver, pkg/registry/rest/delete.go.
"""

from dataclasses import dataclass

from google.protobuf.message import Message

from control_plane.api.messages import copy, metadata
from control_plane.api.refusals import conflict, failed, invalid_as, precondition_failed
from control_plane.api.registry import row
from control_plane.objects.interface import DeleteOptions, Propagation
from knarr.api.kinds import EVENT, NAMESPACE, Kind
from knarr.api.pods import is_finished
from knarr.api.timestamps import timestamp
from knarr.errors import Cause
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
DEFAULT_POD_GRACE_S = 30
LONGEST_GRACE_S = 10 * 365 * 24 * 3600  # a sum with a timestamp stays one that can be written
LARGEST_GENERATION = 2**63 - 1  # which a client may have given where the server does not count


@dataclass(frozen=True, slots=True)
class Remove:
    """Nothing holds the object: it goes at once. `last` is its last state; where that is news to watchers
    (`announced`), it is stored before the object goes."""

    last: Message
    announced: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """The object stays for now, changed to `obj`."""

    obj: Message


@dataclass(frozen=True, slots=True)
class Nothing:
    """It is being deleted already, and the request changes nothing of that."""

    obj: Message


def read_options(options: meta.DeleteOptions) -> DeleteOptions:
    """Kubernetes' options as ours; raises Invalid."""
    policy = options.propagationPolicy
    if options.HasField("orphanDependents"):
        if policy:
            why = "orphanDependents and deletionPropagation cannot be both set"
            raise _invalid("propagationPolicy", "FieldValueInvalid", f'Invalid value: "{policy}": {why}')
        policy = "Orphan" if options.orphanDependents else "Background"
    try:
        propagation = Propagation(policy) if policy else None
    except ValueError:
        why = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise _invalid("propagationPolicy", "FieldValueNotSupported", why) from None
    conditions = options.preconditions
    return DeleteOptions(
        grace_period_s=options.gracePeriodSeconds if options.HasField("gracePeriodSeconds") else None,
        uid=conditions.uid if conditions.HasField("uid") else None,
        resource_version=conditions.resourceVersion if conditions.HasField("resourceVersion") else None,
        propagation=propagation,
    )


def _invalid(field: str, reason: str, message: str) -> Exception:
    return invalid_as("DeleteOptions", "meta.k8s.io", "", [Cause(field, reason, message)])


def check_preconditions(kind: Kind, obj: Message, options: DeleteOptions) -> None:
    """Raises Conflict when the object is not the one, or not in the state, that the request is about."""
    own = metadata(obj)
    if kind is NAMESPACE:
        _check_namespace(own, options)
    if options.uid is not None and options.uid != own.uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({own.uid}). "
            "The object might have been deleted and then recreated"
        )
        raise precondition_failed(kind, own.name, why)
    if options.resource_version is not None and options.resource_version != own.resourceVersion:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the "
            f"ResourceVersion in record ({own.resourceVersion}). The object might have been modified"
        )
        raise precondition_failed(kind, own.name, why)


def _check_namespace(own: meta.ObjectMeta, options: DeleteOptions) -> None:
    """The same, as Kubernetes words it for namespaces."""
    for what, wanted, found in (
        ("UID", options.uid, own.uid),
        ("ResourceVersion", options.resource_version, own.resourceVersion),
    ):
        if wanted is not None and wanted != found:
            raise conflict(NAMESPACE, own.name, failed(what, wanted, found))


def decide(kind: Kind, obj: Message, options: DeleteOptions, now: float) -> Remove | Mark | Nothing:
    """What deleting `obj` means now."""
    if isinstance(obj, core.Namespace):
        return _decide_namespace(obj, options, now)
    result = copy(obj)
    own = metadata(result)
    if kind is not EVENT:  # nobody collects what an event would own
        _set_propagation(own, options.propagation or _kept_propagation(kind, own))
    if own.HasField("deletionTimestamp"):
        if isinstance(result, core.Pod):
            _shorten(result, options.grace_period_s)
    else:
        grace_s = _grace_s(result, options.grace_period_s)
        own.deletionTimestamp.CopyFrom(timestamp(now + grace_s))
        own.deletionGracePeriodSeconds = grace_s
        if own.generation:
            own.generation = min(own.generation + 1, LARGEST_GENERATION)
    changed = result != obj
    if is_over(result):
        return Remove(result, announced=changed and row(kind).announced)
    return Mark(result) if changed else Nothing(result)


def _decide_namespace(
    namespace: core.Namespace, options: DeleteOptions, now: float
) -> Remove | Mark | Nothing:
    """A namespace is marked first in any case, so that nothing new comes into it, and has no grace. Until it
    is empty, later requests change nothing."""
    result = copy(namespace)
    if not namespace.metadata.HasField("deletionTimestamp"):
        result.metadata.deletionTimestamp.CopyFrom(timestamp(now))
        result.status.phase = "Terminating"
        _set_propagation(result.metadata, options.propagation)
        return Mark(result)
    if not result.spec.finalizers:
        _set_propagation(result.metadata, options.propagation)
    if is_over(result):
        return Remove(result)
    return Nothing(result) if result == namespace else Mark(result)


def is_over(obj: Message) -> bool:
    """Whether deletion was asked for and nothing holds the object any more: no grace, no finalizers."""
    own = metadata(obj)
    if not own.HasField("deletionTimestamp") or own.finalizers or own.deletionGracePeriodSeconds:
        return False
    return not (isinstance(obj, core.Namespace) and obj.spec.finalizers)


def _shorten(pod: core.Pod, asked_s: int | None) -> None:
    """Grace that runs can be cut short by who says so, never made longer: the end moves by what is cut."""
    if asked_s is None:
        return
    own = pod.metadata
    running_s = own.deletionGracePeriodSeconds
    wanted_s = _bounded(asked_s)
    if wanted_s < running_s:
        own.deletionTimestamp.seconds += wanted_s - running_s
        own.deletionGracePeriodSeconds = wanted_s


def _grace_s(obj: Message, asked_s: int | None) -> int:
    """Only pods that run somewhere have grace."""
    if not isinstance(obj, core.Pod) or not obj.spec.nodeName or is_finished(obj):
        return 0
    grace_s = asked_s
    if grace_s is None:
        spec = obj.spec
        given = spec.HasField("terminationGracePeriodSeconds")
        grace_s = spec.terminationGracePeriodSeconds if given else DEFAULT_POD_GRACE_S
    return _bounded(grace_s)


def _bounded(grace_s: int) -> int:
    """A negative grace counts as the shortest there is."""
    return 1 if grace_s < 0 else min(grace_s, LONGEST_GRACE_S)


def _kept_propagation(kind: Kind, own: meta.ObjectMeta) -> Propagation | None:
    """What a deletion that does not say leaves to the object, and else to its kind."""
    if FOREGROUND in own.finalizers or ORPHAN in own.finalizers or not row(kind).orphans:
        return None
    return Propagation.ORPHAN


def _set_propagation(own: meta.ObjectMeta, propagation: Propagation | None) -> None:
    if propagation is None:
        return
    wanted = {Propagation.FOREGROUND: FOREGROUND, Propagation.ORPHAN: ORPHAN}.get(propagation)
    kept = [name for name in own.finalizers if name not in (FOREGROUND, ORPHAN)]
    names = [*kept, wanted] if wanted else kept
    if set(names) != set(own.finalizers):
        del own.finalizers[:]
        own.finalizers.extend(names)
