"""Claims and volumes: who gets which, what is said of both, and what happens when one goes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.actions import Action, Record
from control_plane.controllers.volumes import VolumeController
from control_plane.objects.interface import ObjectKey
from control_plane.volumes.matching import point_at
from knarr.api.codec import from_dict
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.deciding import attach, carry_out, decided, step
from tests.support.model import Model


def volume(name: str, size: str = "1Gi", **spec: Any) -> core.PersistentVolume:
    body = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "local": {"path": f"/srv/{name}"},
        **spec,
    }
    return from_dict(
        {"metadata": {"name": name, "labels": {"name": name}}, "spec": body}, core.PersistentVolume
    )


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> core.PersistentVolumeClaim:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec}
    metadata = {"name": name, "namespace": "shop"}
    return from_dict({"metadata": metadata, "spec": body}, core.PersistentVolumeClaim)


def waiting_class() -> storage.StorageClass:
    value = {"metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner"}
    return from_dict({**value, "volumeBindingMode": "WaitForFirstConsumer"}, storage.StorageClass)


class World:
    """A model that a controller sees; settle() runs it until there is nothing left to do."""

    def __init__(self, *objects: Any) -> None:
        self.model, self.controller = Model(), VolumeController()
        self.keys = attach(self.model, self.controller)
        for obj in objects:
            self.model.put_new(obj)

    def settle(self) -> None:
        for _ in range(100):
            if not self.keys:
                return
            step(self.model, self.controller, self.keys.pop(0))
        raise AssertionError("does not settle")

    def claim(self, name: str = "data") -> core.PersistentVolumeClaim:
        return self.model.one(core.PersistentVolumeClaim, "shop", name)

    def volume(self, name: str) -> core.PersistentVolume:
        return self.model.one(core.PersistentVolume, "", name)

    @property
    def said(self) -> list[str]:
        return sorted({event.reason for event in self.model.events})


CHOICES: dict[str, tuple[core.PersistentVolumeClaim, list[core.PersistentVolume], str]] = {
    "the only one": (claim(), [volume("a")], "a"),
    "the smallest that is large enough": (
        claim(size="2Gi"),
        [volume("huge", "9Gi"), volume("small", "1Gi"), volume("right", "3Gi")],
        "right",
    ),
    "by name among equals": (claim(), [volume("b"), volume("a")], "a"),
    "none is large enough": (claim(size="2Gi"), [volume("a")], ""),
    "another class": (
        claim(storageClassName="fast"),
        [volume("a"), volume("b", storageClassName="fast")],
        "b",
    ),
    "no class is a class of its own": (claim(), [volume("a", storageClassName="fast")], ""),
    "all access modes": (
        claim(accessModes=["ReadWriteOnce", "ReadOnlyMany"]),
        [volume("a"), volume("b", accessModes=["ReadOnlyMany", "ReadWriteOnce", "ReadWriteMany"])],
        "b",
    ),
    "the volume mode": (claim(volumeMode="Block"), [volume("a"), volume("b", volumeMode="Block")], "b"),
    "by label": (claim(selector={"matchLabels": {"name": "b"}}), [volume("a"), volume("b")], "b"),
    "the one it names": (claim(volumeName="b"), [volume("a"), volume("b", "5Gi")], "b"),
    "the one it names is too small": (claim(volumeName="a", size="2Gi"), [volume("a")], ""),
    "the one that is kept for it": (
        claim(),
        [volume("a"), volume("b", "9Gi", claimRef={"namespace": "shop", "name": "data"})],
        "b",
    ),
    "not one that is kept for another": (
        claim(),
        [volume("a", claimRef={"namespace": "shop", "name": "else"})],
        "",
    ),
    "nor one of an earlier claim of its name": (
        claim(),
        [volume("a", claimRef={"namespace": "shop", "name": "data", "uid": "old"})],
        "",
    ),
}


@pytest.mark.parametrize(("wanted", "volumes", "chosen"), CHOICES.values(), ids=CHOICES)
def test_which_volume_a_claim_gets(
    wanted: core.PersistentVolumeClaim, volumes: list[core.PersistentVolume], chosen: str
) -> None:
    world = World(*volumes, wanted)
    world.settle()
    status = world.claim().status
    if not chosen:
        assert status.phase == "Pending"
        assert world.said != []
        return
    assert status.phase == "Bound"
    assert world.claim().spec.volumeName == chosen
    assert status.capacity["storage"].string == world.volume(chosen).spec.capacity["storage"].string
    assert world.volume(chosen).status.phase == "Bound"
    assert world.volume(chosen).spec.claimRef.uid == world.claim().metadata.uid


def test_a_claim_waits_for_a_volume_that_comes() -> None:
    world = World(claim())
    world.settle()
    assert (world.claim().status.phase, world.said) == ("Pending", ["FailedBinding"])
    world.model.put_new(volume("late"))
    world.settle()
    assert world.claim().status.phase == "Bound"


def test_where_a_class_waits_somebody_else_takes_the_volume() -> None:
    world = World(waiting_class(), volume("a", storageClassName="local"), claim(storageClassName="local"))
    world.settle()
    assert (world.claim().status.phase, world.said) == ("Pending", ["WaitForFirstConsumer"])
    taken = world.volume("a")
    point_at(taken, world.claim())
    world.model.put(taken)
    world.settle()
    assert world.claim().spec.volumeName == "a"
    assert world.volume("a").status.phase == "Bound"


def test_a_volume_whose_claim_goes_is_released_and_given_to_nobody() -> None:
    world = World(volume("a"), claim())
    world.settle()
    world.model.remove(ObjectKey("PersistentVolumeClaim", "shop", "data"))
    world.model.put_new(claim())
    world.settle()
    assert world.volume("a").status.phase == "Released"
    assert world.claim().status.phase == "Pending"
    freed = world.volume("a")
    freed.spec.ClearField("claimRef")  # somebody has looked after what it holds
    world.model.put(freed)
    world.settle()
    assert world.claim().status.phase == "Bound"


@pytest.mark.parametrize("policy", ["Delete", "Recycle"])
def test_what_cannot_be_done_with_a_volume_is_said(policy: str) -> None:
    world = World(volume("a", persistentVolumeReclaimPolicy=policy), claim())
    world.settle()
    world.model.remove(ObjectKey("PersistentVolumeClaim", "shop", "data"))
    world.settle()
    assert world.volume("a").status.phase == "Failed"
    assert world.volume("a").status.reason == f"VolumeFailed{policy}"
    assert f"VolumeFailed{policy}" in world.said


def test_a_claim_whose_volume_goes_is_lost() -> None:
    world = World(volume("a"), claim())
    world.settle()
    world.model.remove(ObjectKey("PersistentVolume", "", "a"))
    world.settle()
    assert (world.claim().status.phase, world.said) == ("Lost", ["ClaimLost"])


def test_two_claims_never_share_a_volume() -> None:
    world = World(volume("a"), claim("one"), claim("two"))
    keys = [ObjectKey("PersistentVolumeClaim", "shop", name) for name in ("one", "two")]
    actions = [decided(world.model, world.controller, key) for key in keys]
    carry_out(world.model, actions[0])
    with pytest.raises(Conflict):
        carry_out(world.model, actions[1])
    world.settle()
    phases = {name: world.claim(name).status.phase for name in ("one", "two")}
    assert phases == {"one": "Bound", "two": "Pending"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 4), st.integers(1, 4))
def test_binding_ends_right_however_often_it_is_interrupted(
    stops: list[int], volumes: int, claims: int
) -> None:
    world = World(
        *(volume(f"v{number}", f"{number + 1}Gi") for number in range(volumes)),
        *(claim(f"c{number}") for number in range(claims)),
    )
    for at_most in stops:
        if world.keys:
            key = world.keys.pop(0)
            step(world.model, world.controller, key, at_most)
            world.keys.append(key)
    world.settle()
    bound = [c for c in world.model.list(core.PersistentVolumeClaim) if c.status.phase == "Bound"]
    assert len(bound) == min(volumes, claims)
    assert len({c.spec.volumeName for c in bound}) == len(bound)
    for one in bound:
        assert world.volume(one.spec.volumeName).spec.claimRef.uid == one.metadata.uid


def written(actions: tuple[Action, ...]) -> list[Action]:
    return [action for action in actions if not isinstance(action, Record)]


def test_what_is_bound_is_left_alone() -> None:
    world = World(volume("a"), claim())
    world.settle()
    assert decided(world.model, world.controller, ObjectKey("PersistentVolume", "", "a")) == ()
    assert (
        written(decided(world.model, world.controller, ObjectKey("PersistentVolumeClaim", "shop", "data")))
        == []
    )
