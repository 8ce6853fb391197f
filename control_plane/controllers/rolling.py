"""How many replicas each ReplicaSet of a Deployment should have next. Pure arithmetic, no object is written.

Source: Kubernetes' Deployment controller (rolling.go, recreate.go, sync.go). In one point it is stricter: a
ReplicaSet that was told to change and has not done so yet is counted as it is, not as it will be, so that
there are never more active pods than replicas + maxSurge, and never fewer available ones than
replicas - maxUnavailable, however late the ReplicaSet controller is.

A step either adds pods or takes pods away, never both, so its parts may be done in any order.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from knarr.api.int_or_string import scaled
from knarr.api.timestamps import seconds
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import meta_v1_pb2 as meta

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAX = "deployment.kubernetes.io/max-replicas"

Sizes = dict[str, int]
"""New spec.replicas by the name of the ReplicaSet; those that stay as they are are left out."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A Deployment and its ReplicaSets: the one of its current template, and the others, oldest first."""

    deployment: apps.Deployment
    new: apps.ReplicaSet | None
    old: tuple[apps.ReplicaSet, ...]

    @property
    def all(self) -> tuple[apps.ReplicaSet, ...]:
        return self.old if self.new is None else (*self.old, self.new)

    @property
    def replicas(self) -> int:
        return self.deployment.spec.replicas

    @property
    def is_rolling(self) -> bool:
        return self.deployment.spec.strategy.type != "Recreate"

    @property
    def max_surge(self) -> int:
        """Pods above replicas that may exist while it rolls."""
        return _bounds(self.deployment)[0] if self.is_rolling else 0

    @property
    def max_unavailable(self) -> int:
        """Pods below replicas that may be unavailable while it rolls."""
        if not self.is_rolling or self.replicas == 0:
            return 0
        return min(_bounds(self.deployment)[1], self.replicas)


def _bounds(deployment: apps.Deployment) -> tuple[int, int]:
    """maxSurge (rounded up) and maxUnavailable (rounded down); never both zero, or nothing could move."""
    rolling, replicas = deployment.spec.strategy.rollingUpdate, deployment.spec.replicas
    surge = _resolve(rolling.maxSurge, rolling.HasField("maxSurge"), replicas, math.ceil)
    unavailable = _resolve(rolling.maxUnavailable, rolling.HasField("maxUnavailable"), replicas, math.floor)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _resolve(value: meta.IntOrString, is_set: bool, replicas: int, rounded: Callable[[float], int]) -> int:
    return scaled(value, replicas, rounded) if is_set else rounded(replicas * 25 / 100)


def by_age(replica_sets: Iterable[apps.ReplicaSet]) -> list[apps.ReplicaSet]:
    """Oldest first, by name where they are of one age."""
    return sorted(replica_sets, key=lambda one: (seconds(one.metadata.creationTimestamp), one.metadata.name))


def active(replica_sets: Iterable[apps.ReplicaSet]) -> list[apps.ReplicaSet]:
    """Those that are to have pods."""
    return [one for one in replica_sets if one.spec.replicas > 0]


def size_of_new(fleet: Fleet) -> int:
    """How many replicas the new ReplicaSet may have now, given what the old ones have."""
    current = 0 if fleet.new is None else fleet.new.spec.replicas
    if not fleet.is_rolling:
        return fleet.replicas
    if current >= fleet.replicas:
        return fleet.replicas
    room = _room(fleet.all, fleet.replicas + fleet.max_surge)
    return current + max(0, min(room, fleet.replicas - current))


def roll(fleet: Fleet) -> Sizes:
    """The next step of a rolling update; `fleet.new` exists. Empty when there is nothing to do now."""
    if fleet.new is None:
        raise ValueError("a rolling update needs its new ReplicaSet")
    size = size_of_new(fleet)
    if size != fleet.new.spec.replicas:
        return {fleet.new.metadata.name: size}
    return _shrink_old(fleet)


def _shrink_old(fleet: Fleet) -> Sizes:
    """Take old pods away: first those that are not available anyway, then as many as may be missed."""
    new = fleet.new
    if new is None or not active(fleet.old):
        return {}
    min_available = fleet.replicas - fleet.max_unavailable
    new_unavailable = new.spec.replicas - _available(new)
    room = sum(one.spec.replicas for one in fleet.all) - min_available - new_unavailable
    if room <= 0:
        return {}
    left = {one.metadata.name: one.spec.replicas for one in fleet.old}
    for one in fleet.old:
        unhealthy = min(room, _unhealthy(one))
        left[one.metadata.name] -= unhealthy
        room -= unhealthy
    spare = sum(map(_available, fleet.all)) - min_available
    for one in fleet.old:
        taken = max(0, min(left[one.metadata.name], spare))
        left[one.metadata.name] -= taken
        spare -= taken
    return {
        one.metadata.name: left[one.metadata.name]
        for one in fleet.old
        if left[one.metadata.name] != one.spec.replicas
    }


def _is_known(one: apps.ReplicaSet) -> bool:
    """Whether the status is about the size that the ReplicaSet has now. Otherwise it may be from before any
    number of changes, and say more or less than is true."""
    return one.status.observedGeneration >= one.metadata.generation


def _available(one: apps.ReplicaSet) -> int:
    """Available pods that are sure to be left at the size: what is not ready goes first."""
    return min(one.status.availableReplicas, one.spec.replicas) if _is_known(one) else 0


def _unhealthy(one: apps.ReplicaSet) -> int:
    """Pods that can go without being missed, as far as is known."""
    return one.spec.replicas - _available(one) if _is_known(one) else 0


def _room(replica_sets: Sequence[apps.ReplicaSet], limit: int) -> int:
    """How many pods may be added below `limit`, counting those that exist and those that will; none while it
    is not known how many exist."""
    if not all(map(_is_known, replica_sets)):
        return 0
    return limit - sum(max(one.spec.replicas, one.status.replicas) for one in replica_sets)


def stop_old(fleet: Fleet) -> Sizes:
    """The first step of Recreate: all old ReplicaSets to nothing."""
    return {one.metadata.name: 0 for one in active(fleet.old)}


def is_scaling(fleet: Fleet) -> bool:
    """Whether the Deployment's size was changed since its ReplicaSets were sized."""
    candidates = active(fleet.all)
    if not fleet.is_rolling and len(candidates) > 1:
        return False  # Recreate stops all but one first
    sized_for = (number(one, DESIRED) for one in candidates)
    return any(size is not None and size != fleet.replicas for size in sized_for)


def scale(fleet: Fleet) -> Sizes:
    """Sizes for a Deployment that was scaled or is paused: the one active ReplicaSet gets all; when there
    are several, in the middle of a rollout, each gets its proportion. Names also those that have their size
    already; empty while there is no room for more pods yet."""
    candidates = active(fleet.all)
    if len(candidates) <= 1:
        only = candidates[0] if candidates else (fleet.new or (fleet.old[-1] if fleet.old else None))
        return {} if only is None else _scale_only(fleet, only)
    if _is_saturated(fleet):
        return stop_old(fleet)
    return _scale_in_proportion(fleet, candidates) if fleet.is_rolling else {}


def _scale_only(fleet: Fleet, only: apps.ReplicaSet) -> Sizes:
    current = only.spec.replicas
    if current >= fleet.replicas:
        return {only.metadata.name: fleet.replicas}
    others = [one for one in fleet.all if one is not only]
    size = min(fleet.replicas, _room(others, fleet.replicas + fleet.max_surge))
    return {only.metadata.name: size} if size > current else {}


def _is_saturated(fleet: Fleet) -> bool:
    new = fleet.new
    return (
        new is not None
        and new.spec.replicas == fleet.replicas
        and number(new, DESIRED) == fleet.replicas
        and _available(new) == fleet.replicas
    )


def _scale_in_proportion(fleet: Fleet, candidates: Sequence[apps.ReplicaSet]) -> Sizes:
    """Spread what is added or taken over the ReplicaSets by their size, the rest to the largest."""
    allowed = fleet.replicas + fleet.max_surge if fleet.replicas > 0 else 0
    missing = allowed - sum(one.spec.replicas for one in candidates)
    if missing > 0:
        missing = _room(fleet.all, allowed)
        if missing <= 0:
            return {}
    by_preference = list(reversed(by_age(candidates))) if missing > 0 else by_age(candidates)
    ordered = sorted(by_preference, key=lambda one: -one.spec.replicas)
    sizes: Sizes = {}
    rest = missing
    for one in ordered:
        fraction = _fraction(fleet, one)
        change = max(0, min(fraction, rest)) if missing > 0 else min(0, max(fraction, rest))
        sizes[one.metadata.name] = one.spec.replicas + change
        rest -= change
    largest = ordered[0].metadata.name
    sizes[largest] = max(0, sizes[largest] + rest)
    return sizes


def _fraction(fleet: Fleet, one: apps.ReplicaSet) -> int:
    """What a ReplicaSet's share would change by if it kept its proportion."""
    if fleet.replicas == 0:
        return -one.spec.replicas
    base = number(one, MAX) or fleet.deployment.status.replicas
    if base == 0:
        return 0
    exact = one.spec.replicas * (fleet.replicas + fleet.max_surge) / base
    return math.floor(exact + 0.5) - one.spec.replicas


def number(one: apps.ReplicaSet, annotation: str) -> int | None:
    """An annotation that holds a number, None when it holds none."""
    try:
        return int(one.metadata.annotations[annotation])
    except (KeyError, ValueError):
        return None
