"""Conditions of a status, read and set as Kubernetes' meta.SetStatusCondition does. Pure.

They serve the conditions of every kind but those that say more of their own history: a Deployment's
(lastUpdateTime) and a ReplicaSet's (a failure told anew is a new one) are set by their controllers.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from knarr.api.timestamps import timestamp
from knarr.proto.kubernetes import meta_v1_pb2 as meta


class Condition(Protocol):
    """What the conditions of all kinds have."""

    type: str
    status: str
    reason: str
    message: str

    @property
    def lastTransitionTime(self) -> meta.Time: ...


C = TypeVar("C", bound=Condition)
Made = TypeVar("Made", bound=Condition, covariant=True)


class Conditions(Protocol[Made]):
    """The field `conditions` of a status."""

    def __iter__(self) -> Iterator[Made]: ...

    def add(self, **fields: Any) -> Made: ...


def condition_of(conditions: Iterable[C], type_: str) -> C | None:
    """The condition of a type, if there is one."""
    for condition in conditions:
        if condition.type == type_:
            return condition
    return None


def holds(conditions: Iterable[Condition], type_: str) -> bool:
    """Whether there is a condition of the type, and it is True."""
    condition = condition_of(conditions, type_)
    return condition is not None and condition.status == "True"


def set_condition(
    conditions: Conditions[C], type_: str, status: str, reason: str, message: str, now: float
) -> C:
    """Set the condition of a type in place, and return it; lastTransitionTime changes only with the status.

    What else a kind's conditions have (observedGeneration, lastHeartbeatTime) the caller sets."""
    found = condition_of(conditions, type_)
    if found is None:
        found = conditions.add(type=type_)
    if found.status != status:
        found.lastTransitionTime.CopyFrom(timestamp(now))
    found.status, found.reason, found.message = status, reason, message
    return found
