"""Namespaces that go, pods of lost nodes, events and finished pods that pile up."""

from dataclasses import dataclass

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.controllers.actions import (
    Delete,
    Failure,
    Instance,
    RequeueAfter,
    UpdateStatus,
    delete,
    metadata,
)
from control_plane.controllers.expiry import EVENTS, FINISHED_PODS, ExpiryController, ExpirySettings
from control_plane.controllers.namespaces import NamespaceController
from control_plane.controllers.podgc import PodCollector
from control_plane.objects.interface import DeleteOptions, ObjectKey
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import attach, carry_out, decided, step, writes
from tests.support.model import Model

SHOP = ObjectKey("Namespace", "", "shop")


def named(obj: Message, name: str, namespace: str = "shop") -> Message:
    metadata(obj).name, metadata(obj).namespace = name, namespace
    return obj


def going_namespace(model: Model) -> None:
    namespace = core.Namespace()
    namespace.metadata.name = "shop"
    namespace.spec.finalizers.append("kubernetes")
    model.put_new(namespace)
    model.remove(SHOP)


def conditions(model: Model) -> dict[str, tuple[str, str, str]]:
    found = model.one(core.Namespace, "", "shop").status.conditions
    return {one.type: (one.status, one.reason, one.message) for one in found}


def test_a_namespace_is_emptied_pods_first_and_then_goes() -> None:
    model, controller = Model(), NamespaceController()
    attach(model, controller)
    held = core.Secret()
    held.metadata.finalizers.append("example.com/held")
    for obj in (named(core.Pod(), "p"), named(core.ConfigMap(), "c"), named(held, "s")):
        model.put_new(obj)
    model.put_new(named(core.ConfigMap(), "c", "other"))
    assert decided(model, controller, SHOP) == ()
    going_namespace(model)

    step(model, controller, SHOP)
    assert [len(list(model.keys(kind))) for kind in (core.Pod, core.ConfigMap, core.Secret)] == [0, 2, 1]
    step(model, controller, SHOP)
    assert [one.namespace for one in model.keys(core.ConfigMap)] == ["other"]
    step(model, controller, SHOP)
    assert conditions(model) == {
        "NamespaceDeletionContentFailure": (
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": (
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: secrets has 1 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: "
            "example.com/held in 1 resource instances",
        ),
    }
    assert decided(model, controller, SHOP) == (RequeueAfter(15.0),)

    freed = model.one(core.Secret, "shop", "s")
    del freed.metadata.finalizers[:]
    model.put(freed)
    step(model, controller, SHOP)
    assert model.get(core.Namespace, "", "shop") is None
    assert decided(model, controller, SHOP) == ()


def test_what_a_namespace_cannot_delete_is_said() -> None:
    model, controller = Model(), NamespaceController()
    model.put_new(named(core.ConfigMap(), "c"))
    going_namespace(model)
    carry_out(model, decided(model, controller, SHOP, Failure("Delete", "not allowed"))[:1])
    told = conditions(model)["NamespaceDeletionContentFailure"]
    assert told == ("True", "ContentDeletionFailed", "not allowed")


def test_changes_name_their_namespace_only_while_it_goes() -> None:
    model, controller = Model(), NamespaceController()
    keys = attach(model, controller)
    model.put_new(named(core.ConfigMap(), "early"))
    assert keys == []
    going_namespace(model)
    model.put_new(named(core.ConfigMap(), "late"))
    assert keys == [SHOP, SHOP]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([core.Pod, core.ConfigMap, core.Secret, core.Service]), max_size=12), st.data()
)
def test_a_namespace_goes_however_often_it_is_interrupted(
    kinds: list[type[Message]], data: st.DataObject
) -> None:
    model, controller = Model(), NamespaceController()
    for number, kind in enumerate(kinds):
        model.put_new(named(kind(), f"n{number}"))
    going_namespace(model)
    for _ in range(data.draw(st.integers(0, 6))):
        step(model, controller, SHOP, at_most=data.draw(st.integers(0, 3)))
    for _ in range(8):
        step(model, controller, SHOP)
    assert model.get(core.Namespace, "", "shop") is None
    assert all(not list(model.keys(kind)) for kind in set(kinds))


# pods of lost nodes


@dataclass
class Time:
    """A clock that a test sets."""

    at: float = 100.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


ALPHA = ObjectKey("Node", "", "alpha")


def bound(name: str) -> core.Pod:
    pod = core.Pod()
    named(pod, name)
    pod.spec.nodeName = "alpha"
    return pod


def test_pods_of_a_lost_node_go_without_grace_after_the_quarantine() -> None:
    model, time = Model(), Time()
    controller = PodCollector(time)
    keys = attach(model, controller)
    node = core.Node()
    node.metadata.name = "alpha"
    model.put_new(node)
    pod = model.put_new(bound("p"))
    assert keys == []
    model.remove(ALPHA)
    assert keys == [ALPHA]
    assert decided(model, controller, ALPHA) == (RequeueAfter(10.0),)
    time.at += 4
    assert decided(model, controller, ALPHA) == (RequeueAfter(6.0),)
    time.at += 6
    options = DeleteOptions(grace_period_s=0, uid=pod.metadata.uid)
    expected = Delete(ObjectKey("Pod", "shop", "p"), options, unless=(Instance(ALPHA),))
    assert decided(model, controller, ALPHA) == (expected,)
    step(model, controller, ALPHA)
    assert decided(model, controller, ALPHA) == ()


def test_a_node_that_is_back_in_time_keeps_its_pods() -> None:
    model, time = Model(), Time()
    controller = PodCollector(time)
    keys = attach(model, controller)
    model.put_new(bound("p"))
    assert keys == [ALPHA]
    assert decided(model, controller, ALPHA) == (RequeueAfter(10.0),)
    node = core.Node()
    node.metadata.name = "alpha"
    model.put_new(node)
    time.at += 60
    assert decided(model, controller, ALPHA) == ()
    model.remove(ALPHA)
    assert decided(model, controller, ALPHA) == (RequeueAfter(10.0),)


def test_many_pods_of_a_lost_node_go_in_bursts_and_held_ones_stay() -> None:
    model, time = Model(), Time()
    controller = PodCollector(time)
    held = bound("held")
    held.metadata.finalizers.append("example.com/held")
    model.put_new(held)
    model.remove(ObjectKey("Pod", "shop", "held"), DeleteOptions(grace_period_s=0))
    for number in range(501):
        model.put_new(bound(f"p{number}"))
    decided(model, controller, ALPHA)
    time.at += 10
    assert len(writes(decided(model, controller, ALPHA))) == 500
    step(model, controller, ALPHA)
    step(model, controller, ALPHA)
    assert [one.name for one in model.keys(core.Pod)] == ["held"]
    assert decided(model, controller, ALPHA) == ()


# what piles up


def event(name: str, at: float, seen_again: float = 0.0) -> core.Event:
    obj = core.Event()
    named(obj, name)
    obj.lastTimestamp.seconds = int(at)
    obj.series.lastObservedTime.seconds = int(seen_again)
    return obj


def test_old_events_go_in_batches_and_the_next_sets_the_timer() -> None:
    model = Model(now=10_000.0)
    controller = ExpiryController(ExpirySettings(event_ttl_s=3600, burst=2, pause_s=10))
    keys = attach(model, controller)
    stored = []
    for name, at in (("d", 9_000.0), ("a", 1_000.0), ("c", 3_000.0), ("b", 2_000.0)):
        obj = event(name, at)
        obj.metadata.creationTimestamp.seconds = int(at)
        stored.append(model.put_new(obj))
    assert keys == [EVENTS]
    assert decided(model, controller, EVENTS) == (delete(stored[1]), delete(stored[3]), RequeueAfter(0.0))
    step(model, controller, EVENTS)
    assert decided(model, controller, EVENTS) == (delete(stored[2]), RequeueAfter(2610.0))
    step(model, controller, EVENTS)
    model.now = 12_610.0
    step(model, controller, EVENTS)
    assert list(model.keys(core.Event)) == []
    assert decided(model, controller, EVENTS) == ()
    model.put_new(event("e", 12_000.0))
    assert keys == [EVENTS, EVENTS]


def test_an_event_that_is_seen_again_stays() -> None:
    model = Model(now=10_000.0)
    controller = ExpiryController()
    attach(model, controller)
    obj = event("a", 1_000.0, seen_again=9_000.0)
    obj.metadata.creationTimestamp.seconds = 1_000
    model.put_new(obj)
    assert decided(model, controller, EVENTS) == (RequeueAfter(2610.0),)


@pytest.mark.parametrize("finished", [0, 3, 4, 7])
def test_finished_pods_above_the_threshold_go_oldest_first(finished: int) -> None:
    model = Model()
    controller = ExpiryController(ExpirySettings(finished_pods=3, burst=2))
    keys = attach(model, controller)
    for number in range(finished):
        pod = core.Pod()
        named(pod, f"p{number}")
        pod.metadata.creationTimestamp.seconds = 1000 - number
        pod.status.phase = "Succeeded"
        model.put_new(pod)
    running = core.Pod()
    model.put_new(named(running, "running"))
    assert bool(keys) is (finished > 3)
    while keys:
        step(model, controller, keys.pop(0))
        if len(list(model.keys(core.Pod))) > 4:
            assert FINISHED_PODS in keys or decided(model, controller, FINISHED_PODS)
    while step(model, controller, FINISHED_PODS):
        continue
    kept = {one.name for one in model.keys(core.Pod)}
    assert kept == {"running", *(f"p{number}" for number in range(min(3, finished)))}


def test_the_status_of_a_namespace_is_written_before_anything_is_deleted() -> None:
    model, controller = Model(), NamespaceController()
    model.put_new(named(core.ConfigMap(), "c"))
    going_namespace(model)
    actions = decided(model, controller, SHOP)
    assert [type(action) for action in actions] == [UpdateStatus, Delete, RequeueAfter]
