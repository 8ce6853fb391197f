"""What is allowed and added beyond an object's own rules: namespaces, priorities, tolerations. Pure.

As Kubernetes' admission plugins NamespaceLifecycle, Priority and DefaultTolerationSeconds.
"""

from collections.abc import Iterable, Mapping

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.refusals import forbidden, not_found
from knarr.api.kinds import EVENT, NAMESPACE, PRIORITY_CLASS, Kind
from knarr.errors import Cause, Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

# They rest in nothing and everything rests in them.
IMMORTAL = ("default", "kube-system", "kube-public", "kube-node-lease")
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}

PREEMPT = "PreemptLowerPriority"


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


def admit_priority(kind: Kind, pod: core.Pod, classes: Mapping[str, scheduling.PriorityClass]) -> None:
    """Resolve priorityClassName to a number, in place. `classes`: all there are, by name."""
    spec = pod.spec
    name = spec.priorityClassName
    value, policy = SYSTEM_PRIORITIES.get(name, 0), PREEMPT
    if name not in SYSTEM_PRIORITIES:
        chosen = classes.get(name) if name else _default_class(classes.values())
        if name and chosen is None:
            raise forbidden(kind, pod.metadata.name, f"no PriorityClass with name {name} was found")
        if chosen is not None:
            spec.priorityClassName = chosen.metadata.name
            value, policy = chosen.value, chosen.preemptionPolicy or policy
    if spec.HasField("priority") and spec.priority != value:
        raise _provided(kind, pod, "integer value of priority", str(spec.priority), str(value))
    if spec.HasField("preemptionPolicy") and spec.preemptionPolicy != policy:
        raise _provided(kind, pod, "string value of PreemptionPolicy", spec.preemptionPolicy, policy)
    spec.priority, spec.preemptionPolicy = value, policy


def _default_class(classes: Iterable[scheduling.PriorityClass]) -> scheduling.PriorityClass | None:
    """The lowest, where a race has left several."""
    defaults = [found for found in classes if found.globalDefault]
    return min(defaults, key=lambda found: found.value) if defaults else None


def _provided(kind: Kind, pod: core.Pod, what: str, given: str, computed: str) -> Forbidden:
    why = (
        f"the {what} ({given}) must not be provided in pod spec; "
        f"priority admission controller computed {computed} from the given PriorityClass name"
    )
    return forbidden(kind, pod.metadata.name, why)


def admit_tolerations(pod: core.Pod, seconds: int) -> None:
    """Let a pod stay for a while on a node that is not ready or out of reach, unless it says otherwise."""
    for key in (NOT_READY, UNREACHABLE):
        if not any(_tolerates(toleration, key) for toleration in pod.spec.tolerations):
            pod.spec.tolerations.add(
                key=key, operator="Exists", effect="NoExecute", tolerationSeconds=seconds
            )


def _tolerates(toleration: core.Toleration, key: str) -> bool:
    return toleration.key in (key, "") and toleration.effect in ("NoExecute", "")


def admit_priority_class(obj: scheduling.PriorityClass, classes: Iterable[scheduling.PriorityClass]) -> None:
    """At most one class is the global default."""
    if not obj.globalDefault:
        return
    for other in classes:
        if other.globalDefault and other.metadata.name != obj.metadata.name:
            why = (
                f"PriorityClass {other.metadata.name} is already marked as default. "
                "Only one default can exist"
            )
            raise forbidden(PRIORITY_CLASS, obj.metadata.name, why)


def keep_priority(new: core.Pod, old: core.Pod) -> None:
    """What admission resolved when the pod was created stays where an update leaves it out, in place."""
    if not new.spec.HasField("priority") and old.spec.HasField("priority"):
        new.spec.priority = old.spec.priority
    if not new.spec.HasField("preemptionPolicy") and old.spec.HasField("preemptionPolicy"):
        new.spec.preemptionPolicy = old.spec.preemptionPolicy
