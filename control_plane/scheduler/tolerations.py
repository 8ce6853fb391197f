"""Whether tolerations cover taints. Pure. Source: kubernetes.io/docs/concepts/scheduling-eviction/
taint-and-toleration."""

from collections.abc import Iterable

from control_plane.scheduler.nodes import Taint
from control_plane.scheduler.shape import Toleration

NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"
PREFER_NO_SCHEDULE = "PreferNoSchedule"
REPELLING = (NO_SCHEDULE, NO_EXECUTE)


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty effect covers all effects; an empty key with Exists covers all keys."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator == "Equal" and toleration.value == taint.value


def tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def first_repelling(taints: Iterable[Taint], tolerations: tuple[Toleration, ...]) -> Taint | None:
    """The first taint that keeps the pod away, in the node's order."""
    for taint in taints:
        if taint.effect in REPELLING and not tolerated(taint, tolerations):
            return taint
    return None
