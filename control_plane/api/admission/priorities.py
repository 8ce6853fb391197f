"""Priority: the class of a pod becomes a number, and at most one class is the default. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from control_plane.api.admission.refusing import refuse
from control_plane.api.refusals import forbidden
from knarr.api.kinds import PRIORITY_CLASS, Kind
from knarr.errors import Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
PREEMPT: Final = "PreemptLowerPriority"


def admit_priority(kind: Kind, pod: core.Pod, classes: Mapping[str, scheduling.PriorityClass]) -> None:
    """Resolve priorityClassName to a number, in place. `classes`: all there are, by name."""
    spec = pod.spec
    name = spec.priorityClassName
    value, policy = SYSTEM_PRIORITIES.get(name, 0), PREEMPT
    if name not in SYSTEM_PRIORITIES:
        chosen = classes.get(name) if name else _default_class(classes.values())
        if name and chosen is None:
            raise refuse(kind, pod, f"no PriorityClass with name {name} was found")
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
    return refuse(kind, pod, why)


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
