"""The volume controller and volumes that were only taken: who gets one for good, and when it is let go."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.actions import Action, RequeueAfter, Update
from control_plane.objects.interface import ObjectKey
from control_plane.volumes.taking import HELD_S, is_taken, taken
from knarr.api.codec import from_dict
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import carry_out, decided, step
from tests.unit.control_plane.controllers.test_volume_binding import World, claim, volume, waiting_class


def here(name: str, node: str, **spec: Any) -> core.PersistentVolume:
    """A volume of the class that waits, which one node reaches."""
    row = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [row]}]}}
    return volume(name, storageClassName="local", nodeAffinity=affinity, **spec)


def node(name: str) -> core.Node:
    return from_dict({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}, core.Node)


def pod(name: str = "p", on: str = "", claim_name: str = "data", phase: str = "Pending") -> core.Pod:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}]
    spec = {"nodeName": on or None, "volumes": volumes, "containers": [{"name": "c", "image": "i"}]}
    value = {"metadata": {"name": name, "namespace": "shop"}, "spec": spec, "status": {"phase": phase}}
    return from_dict(value, core.Pod)


def world(*objects: Any) -> World:
    """Nodes a and b, the class, and a claim `data` of it."""
    return World(waiting_class(), node("a"), node("b"), claim(storageClassName="local"), *objects)


def take(found: World, name: str, claim_name: str = "data") -> None:
    """As the scheduler does it."""
    changed = taken(found.volume(name), found.claim(claim_name), found.model.now)
    assert changed is not None
    found.model.put(changed)


def bound(found: World, name: str = "data") -> str:
    one = found.claim(name)
    return one.spec.volumeName if one.status.phase == "Bound" else ""


def wait(found: World, seconds: float) -> None:
    """Time passes, and what is due is looked at again."""
    found.model.now += seconds
    found.keys[:] = dict.fromkeys([*found.keys, *found.model.keys(core.PersistentVolume)])
    found.settle()


def test_what_was_taken_is_the_claims_when_its_pod_is_on_the_node() -> None:
    found = world(here("v", "a"), pod())
    take(found, "v")
    found.settle()
    assert (bound(found), is_taken(found.volume("v"))) == ("", True)
    assert found.volume("v").status.phase == "Available"
    on_node = found.model.one(core.Pod, "shop", "p")
    on_node.spec.nodeName = "a"
    found.model.put(on_node)
    found.settle()
    assert (bound(found), is_taken(found.volume("v"))) == ("v", False)
    assert found.volume("v").status.phase == "Bound"


def test_what_was_taken_elsewhere_is_let_go_when_the_claim_has_got_another() -> None:
    found = world(here("v", "a"), here("w", "b"), pod(on="b"))
    take(found, "v")
    take(found, "w")
    found.settle()
    assert bound(found) == "w"
    assert not found.volume("v").spec.HasField("claimRef")


HELD = {
    # the pods -> whether the volume is let go after a while
    "a pod that waits for a node": ([pod()], True),
    "no pod": ([], True),
    "a pod of its node": ([pod(on="a")], False),
    "a pod of a node that does not reach it": ([pod(on="b")], True),
    "a pod that has ended": ([pod(on="a", phase="Failed")], True),
    "a pod of another claim": ([pod(on="a", claim_name="else")], True),
}


@pytest.mark.parametrize(("pods", "goes"), HELD.values(), ids=HELD)
def test_what_nobody_came_to_use_is_let_go_after_a_while(pods: list[core.Pod], goes: bool) -> None:
    found = world(here("v", "a"), *pods)
    take(found, "v")
    found.settle()
    wait(found, HELD_S - 1)
    assert found.volume("v").spec.HasField("claimRef")
    wait(found, 1)
    assert found.volume("v").spec.HasField("claimRef") is not goes
    assert bound(found) == ("" if goes else "v")


def test_it_says_when_it_is_to_be_looked_at_again() -> None:
    found = world(here("v", "a"))
    take(found, "v")
    found.settle()
    found.model.now += 30
    key = ObjectKey("PersistentVolume", "", "v")
    assert decided(found.model, found.controller, key) == (RequeueAfter(HELD_S - 30),)


def test_a_claim_that_goes_leaves_what_was_only_taken_free() -> None:
    found = world(here("v", "a"))
    take(found, "v")
    found.settle()
    found.model.remove(ObjectKey("PersistentVolumeClaim", "shop", "data"))
    wait(found, HELD_S)
    assert not found.volume("v").spec.HasField("claimRef")
    assert found.volume("v").status.phase == "Available"


def test_the_mark_alone_does_not_free_a_volume_that_is_bound() -> None:
    found = world(here("v", "a"), pod(on="a"))
    found.settle()
    marked = found.volume("v")
    marked.metadata.annotations["knarr.io/taken-at"] = "1970-01-01T00:00:00Z"
    found.model.put(marked)
    found.settle()
    assert (bound(found), is_taken(found.volume("v"))) == ("v", False)


def actions_of(found: World, kind: str, name: str) -> tuple[Action, ...]:
    namespace = "shop" if kind == "PersistentVolumeClaim" else ""
    return decided(found.model, found.controller, ObjectKey(kind, namespace, name))


@pytest.mark.parametrize("first", ["settled", "let go", "taken anew"])
def test_of_settling_letting_go_and_taking_anew_only_one_happens(first: str) -> None:
    """All decided on what was true before."""
    found = world(here("v", "a"), pod())
    take(found, "v")
    found.settle()
    found.model.now += HELD_S
    steps = {"let go": actions_of(found, "PersistentVolume", "v")}
    again = taken(found.volume("v"), found.claim(), found.model.now)
    assert again is not None
    steps["taken anew"] = (Update(again),)
    on_node = found.model.one(core.Pod, "shop", "p")
    on_node.spec.nodeName = "a"
    found.model.put(on_node)
    steps["settled"] = actions_of(found, "PersistentVolumeClaim", "data")
    carry_out(found.model, steps.pop(first))
    for actions in steps.values():
        with pytest.raises(Conflict):
            carry_out(found.model, actions)
    found.settle()
    assert bound(found) == "v"


# Pods that come with their node


def test_a_pod_that_comes_with_its_node_gets_a_volume_there() -> None:
    found = world(here("v", "a"), here("w", "b"), here("huge", "b", capacity={"storage": "9Gi"}), pod(on="b"))
    found.settle()
    assert bound(found) == "w"


def test_it_says_what_is_missing_and_goes_on_when_it_comes() -> None:
    found = world(here("v", "a"), pod(on="b"))
    found.settle()
    assert (bound(found), found.said) == ("", ["FailedBinding"])
    (event,) = {event.message for event in found.model.events}
    assert event == "no free volume that fits is reached from node b (pod p)"
    found.model.put_new(here("late", "b"))
    found.settle()
    assert bound(found) == "late"


def test_a_node_that_comes_later_reaches_its_volume() -> None:
    found = world(here("v", "c"), pod(on="c"))
    found.settle()
    assert bound(found) == ""
    found.model.put_new(node("c"))
    found.settle()
    assert bound(found) == "v"


def test_a_pod_that_comes_after_its_claim_was_looked_at() -> None:
    found = world(here("v", "a"))
    found.settle()
    assert found.said == ["WaitForFirstConsumer"]
    found.model.put_new(pod(on="a"))
    found.settle()
    assert bound(found) == "v"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("tcpvxk"), st.integers(0, 3), st.integers(0, 2)), max_size=30),
)
def test_whatever_is_interrupted_ends_with_each_pod_at_a_volume_of_its_own(
    story: list[tuple[str, int, int]],
) -> None:
    """t: a volume is taken for a claim; p: its pod gets a node; c: a claim's pod goes and comes anew; v, k:
    the controller looks at a volume or claim and is stopped after some steps; x: time passes."""
    claims = [f"c{number}" for number in range(3)]
    found = furnished(claims)
    settled = dict.fromkeys(claims, "")
    for deed, which, stop in story:
        name, place = claims[which % 3], f"{'ab'[which % 2]}{which}"
        if deed == "t":
            try:
                changed = taken(found.volume(place), found.claim(name), found.model.now)
            except Conflict:
                continue
            if changed is not None:
                found.model.put(changed)
        elif deed == "p":
            one = found.model.one(core.Pod, "shop", name)
            one.spec.nodeName = one.spec.nodeName or "ab"[stop % 2]
            found.model.put(one)
        elif deed == "c" and name not in settled:
            found.model.remove(ObjectKey("Pod", "shop", name))
            if found.model.get(core.Pod, "shop", name) is None:
                found.model.put_new(pod(name, claim_name=name))
        elif deed == "x":
            found.model.now += 50.0
        else:
            key = ("PersistentVolume", "", place) if deed == "v" else ("PersistentVolumeClaim", "shop", name)
            step(found.model, found.controller, ObjectKey(*key), stop)
        for each in claims:
            told = found.claim(each).spec.volumeName
            assert settled[each] in ("", told)
            settled[each] = told
    found.keys.extend(found.model.keys(core.PersistentVolumeClaim))
    wait(found, HELD_S)
    ended_well(found, settled)


def furnished(claims: list[str]) -> World:
    """Four volumes on each of two nodes, and a pod for each claim."""
    found = World(waiting_class(), node("a"), node("b"))
    for name in "ab":
        for number in range(4):
            found.model.put_new(here(f"{name}{number}", name))
    for name in claims:
        found.model.put_new(claim(name, storageClassName="local"))
        found.model.put_new(pod(name, claim_name=name))
    return found


def ended_well(found: World, settled: dict[str, str]) -> None:
    """`settled`: what claims were told before everything calmed down."""
    told = {each: found.claim(each).spec.volumeName for each in settled}
    given = [name for name in told.values() if name]
    assert len(set(given)) == len(given)
    for each, before in settled.items():
        user = found.model.one(core.Pod, "shop", each)
        if user.spec.nodeName and not user.metadata.HasField("deletionTimestamp"):
            assert bound(found, each)
            assert told[each] == before or told[each][0] == user.spec.nodeName
    assert not any(is_taken(volume) for volume in found.model.list(core.PersistentVolume))
