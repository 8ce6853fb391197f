"""How a Deployment's ReplicaSets are sized: Kubernetes' arithmetic as a table."""

from typing import NamedTuple

import pytest

from control_plane.controllers import rolling
from control_plane.controllers.rolling import DESIRED, MAX, Fleet
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import meta_v1_pb2 as meta


class Size(NamedTuple):
    """Of one ReplicaSet: asked for, existing, available."""

    spec: int
    exist: int
    available: int


def text(value: str) -> meta.IntOrString:
    return meta.IntOrString(type=1, strVal=value)


def number(value: int) -> meta.IntOrString:
    return meta.IntOrString(intVal=value)


def replica_set(name: str, size: Size, age: int, annotations: dict[str, str]) -> apps.ReplicaSet:
    obj = apps.ReplicaSet()
    obj.metadata.name = name
    obj.metadata.creationTimestamp.seconds = 1000 - age
    obj.metadata.annotations.update(annotations)
    obj.spec.replicas = size.spec
    obj.status.replicas, obj.status.availableReplicas = size.exist, size.available
    return obj


def fleet(
    replicas: int,
    new: Size | None,
    *old: Size,
    surge: meta.IntOrString | None = None,
    unavailable: meta.IntOrString | None = None,
    sized_for: tuple[int, int] | None = None,
    strategy: str = "RollingUpdate",
) -> Fleet:
    deployment = apps.Deployment()
    deployment.spec.replicas = replicas
    deployment.spec.strategy.type = strategy
    if surge is not None:
        deployment.spec.strategy.rollingUpdate.maxSurge.CopyFrom(surge)
    if unavailable is not None:
        deployment.spec.strategy.rollingUpdate.maxUnavailable.CopyFrom(unavailable)
    notes = {} if sized_for is None else {DESIRED: str(sized_for[0]), MAX: str(sized_for[1])}
    sets = [replica_set(f"old{index}", size, 100 - index, notes) for index, size in enumerate(old)]
    newest = None if new is None else replica_set("new", new, 1, notes)
    return Fleet(deployment, newest, tuple(sets))


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        pytest.param(4, None, None, (1, 1), id="defaults-are-a-quarter"),
        pytest.param(10, text("25%"), text("25%"), (3, 2), id="surge-up-unavailable-down"),
        pytest.param(3, text("0%"), text("10%"), (0, 1), id="never-both-zero"),
        pytest.param(3, number(0), number(0), (0, 1), id="never-both-zero-as-numbers"),
        pytest.param(10, number(2), text("100%"), (2, 10), id="mixed"),
        pytest.param(3, number(1), number(7), (1, 3), id="unavailable-is-at-most-all"),
        pytest.param(0, text("50%"), text("50%"), (0, 0), id="nothing-of-nothing"),
    ],
)
def test_bounds(
    replicas: int,
    surge: meta.IntOrString | None,
    unavailable: meta.IntOrString | None,
    expected: tuple[int, int],
) -> None:
    one = fleet(replicas, None, surge=surge, unavailable=unavailable)
    assert (one.max_surge, one.max_unavailable) == expected


FULL = Size(10, 10, 10)
NONE = Size(0, 0, 0)


@pytest.mark.parametrize(
    ("new", "old", "surge", "unavailable", "expected"),
    [
        pytest.param(NONE, FULL, 2, 0, {"new": 2}, id="grow-by-the-surge"),
        pytest.param(NONE, FULL, 0, 2, {"old0": 8}, id="no-surge-shrink-first"),
        pytest.param(Size(0, 0, 0), Size(8, 8, 8), 0, 2, {"new": 2}, id="then-grow"),
        pytest.param(Size(0, 0, 0), Size(8, 10, 10), 0, 2, {}, id="wait-until-the-old-are-gone"),
        pytest.param(Size(2, 2, 0), FULL, 2, 0, {}, id="wait-until-the-new-are-available"),
        pytest.param(Size(2, 2, 1), FULL, 2, 0, {"old0": 9}, id="one-for-one"),
        pytest.param(Size(2, 2, 2), FULL, 2, 2, {"old0": 6}, id="all-that-may-be-missed"),
        pytest.param(Size(2, 2, 0), Size(10, 10, 7), 2, 3, {"old0": 7}, id="those-not-available-first"),
        pytest.param(Size(12, 12, 12), NONE, 2, 0, {"new": 10}, id="too-many-new"),
        pytest.param(Size(10, 10, 10), Size(2, 2, 2), 2, 0, {"old0": 0}, id="the-rest-of-the-old"),
        pytest.param(Size(10, 10, 10), NONE, 2, 0, {}, id="done"),
    ],
)
def test_steps_of_a_rolling_update(
    new: Size, old: Size, surge: int, unavailable: int, expected: dict[str, int]
) -> None:
    one = fleet(10, new, old, surge=number(surge), unavailable=number(unavailable))
    assert rolling.roll(one) == expected


def test_old_replica_sets_shrink_oldest_first() -> None:
    one = fleet(10, Size(4, 4, 4), Size(3, 3, 3), Size(5, 5, 5), surge=number(2), unavailable=number(2))
    assert rolling.roll(one) == {"old0": 0, "old1": 4}


@pytest.mark.parametrize("which", ["new", "old0"])
def test_nothing_is_added_while_it_is_not_known_what_exists(which: str) -> None:
    one = fleet(10, Size(2, 2, 2), Size(8, 8, 8), surge=number(2), unavailable=number(0))
    assert rolling.roll(one) == {"new": 4}
    stale = next(found for found in one.all if found.metadata.name == which)
    stale.metadata.generation = stale.status.observedGeneration + 1
    assert rolling.size_of_new(one) == 2


def test_a_rolling_update_without_its_replica_set_is_a_defect() -> None:
    with pytest.raises(ValueError, match="new ReplicaSet"):
        rolling.roll(fleet(1, None))


@pytest.mark.parametrize(
    ("replicas", "sized_for", "new", "old", "expected"),
    [
        pytest.param(5, (3, 4), Size(3, 3, 3), (), {"new": 5}, id="only-one-grows"),
        pytest.param(1, (3, 4), Size(3, 3, 3), (), {"new": 1}, id="only-one-shrinks"),
        pytest.param(5, (3, 4), NONE, (Size(3, 3, 3),), {"old0": 5}, id="only-the-old-one-is-active"),
        pytest.param(0, (3, 4), Size(2, 2, 2), (Size(2, 2, 2),), {"new": 0, "old0": 0}, id="to-nothing"),
        pytest.param(
            20, (10, 12), Size(5, 5, 5), (Size(5, 5, 5),), {"new": 13, "old0": 9}, id="in-proportion-up"
        ),
        pytest.param(
            5, (10, 12), Size(4, 4, 4), (Size(8, 8, 8),), {"old0": 5, "new": 2}, id="in-proportion-down"
        ),
        pytest.param(
            10, (10, 12), Size(10, 10, 10), (Size(2, 2, 2),), {"old0": 0}, id="complete-drops-the-rest"
        ),
    ],
)
def test_scaling(
    replicas: int, sized_for: tuple[int, int], new: Size, old: tuple[Size, ...], expected: dict[str, int]
) -> None:
    one = fleet(replicas, new, *old, surge=number(2), unavailable=number(0), sized_for=sized_for)
    assert rolling.scale(one) == expected


def test_scaling_is_seen_by_the_annotation() -> None:
    assert not rolling.is_scaling(fleet(3, Size(3, 3, 3), sized_for=(3, 4)))
    assert rolling.is_scaling(fleet(5, Size(3, 3, 3), sized_for=(3, 4)))
    assert not rolling.is_scaling(fleet(5, Size(3, 3, 3)))
    assert not rolling.is_scaling(
        fleet(5, Size(3, 3, 3), Size(1, 1, 1), sized_for=(3, 4), strategy="Recreate")
    )
