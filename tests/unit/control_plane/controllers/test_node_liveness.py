"""What is decided about nodes that are gone, back, or cordoned, and which pods are evicted when."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from control_plane.controllers.actions import (
    Action,
    Record,
    RequeueAfter,
    Update,
    UpdateStatus,
    copy_of,
    delete,
)
from control_plane.controllers.eviction import EvictionController, EvictionSnapshot, tolerates
from control_plane.controllers.liveness import (
    NOT_READY,
    UNREACHABLE,
    LivenessController,
    NodeSnapshot,
)
from control_plane.objects.interface import ObjectKey
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.deciding import attach, decided
from tests.support.model import Model

NOW = 10_000.0


@dataclass
class Sessions:
    """Which nodes are connected, and since when others are not; on one clock."""

    time: float = 1000.0
    started_at: float = 0.0
    ended: dict[str, float] = field(default_factory=dict)
    connected: set[str] = field(default_factory=set)
    listeners: list[Callable[[str, object], None]] = field(default_factory=list)

    def last_seen(self, node_name: str) -> float | None:
        return self.time if node_name in self.connected else self.ended.get(node_name)

    def listen(self, listener: Callable[[str, object], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def now(self) -> float:
        return NOW + self.time

    def monotonic(self) -> float:
        return self.time


def node(ready: str | None = "True", *taints: core.Taint, name: str = "alpha") -> core.Node:
    obj = core.Node()
    obj.metadata.name = name
    if ready is not None:
        reason = {"True": "AgentReady", "False": "EngineDown", "Unknown": "NodeStatusUnknown"}[ready]
        message = "the node agent is not connected any more" if ready == "Unknown" else ""
        obj.status.conditions.add(type="Ready", status=ready, reason=reason, message=message)
    obj.spec.taints.extend(taints)
    return obj


def taint(key: str, effect: str, at: float | None = NOW, value: str = "") -> core.Taint:
    obj = core.Taint(key=key, effect=effect, value=value)
    if at is not None:
        obj.timeAdded.seconds = int(at)
    return obj


def with_taints(obj: core.Node, *taints: core.Taint) -> core.Node:
    copy = copy_of(obj)
    del copy.spec.taints[:]
    copy.spec.taints.extend(taints)
    return copy


def unknown(obj: core.Node, reason: str = "NodeStatusUnknown") -> core.Node:
    copy = copy_of(obj)
    never = reason == "NodeStatusNeverUpdated"
    message = "the node agent was never connected" if never else "the node agent is not connected any more"
    if never:
        copy.status.conditions.add(type="Ready")
    for condition in copy.status.conditions:
        condition.status, condition.reason, condition.message = "Unknown", reason, message
        condition.lastTransitionTime.seconds = int(NOW)
    return copy


def decide(snapshot: NodeSnapshot) -> tuple[Action, ...]:
    sessions = Sessions()
    return LivenessController(sessions, sessions).decide(snapshot, NOW)


ALIVE = NodeSnapshot(node(), connected=True, verdict_in_s=4.0, gone=0, nodes=10)
GONE = NodeSnapshot(node(), connected=False, verdict_in_s=0.0, gone=1, nodes=10)
BOTH = (taint(UNREACHABLE, "NoExecute"), taint(UNREACHABLE, "NoSchedule"))
NOTICE = Record(node(), "Normal", "NodeNotReady", "Node alpha status is now: NodeNotReady")


def test_a_live_node_is_left_alone() -> None:
    assert decide(ALIVE) == ()


def test_a_node_that_lost_its_session_is_waited_for() -> None:
    assert decide(replace(GONE, verdict_in_s=3.0)) == (RequeueAfter(3.0),)


def test_a_node_that_is_gone_is_unknown_and_unreachable() -> None:
    assert decide(GONE) == (
        UpdateStatus(unknown(node())),
        NOTICE,
        Update(with_taints(node(), *BOTH)),
        RequeueAfter(2.0),
    )


def test_what_its_agent_said_is_unknown_then_too() -> None:
    obj = node()
    obj.status.conditions.add(type="DiskPressure", status="False")
    own = obj.status.conditions.add(type="Painted", status="True")
    after = unknown(obj)
    after.status.conditions[2].CopyFrom(own)
    assert decide(replace(GONE, node=obj))[0] == UpdateStatus(after)


def test_a_node_that_never_had_an_agent_says_so() -> None:
    first = decide(replace(GONE, node=node(None)))[0]
    assert first == UpdateStatus(unknown(node(None), "NodeStatusNeverUpdated"))


def test_deciding_again_does_nothing_but_look_again() -> None:
    settled = with_taints(unknown(node()), *BOTH)
    assert decide(replace(GONE, node=settled)) == (RequeueAfter(2.0),)


def test_a_node_that_is_back_is_freed_of_our_taints_alone() -> None:
    theirs = taint("dedicated", "NoSchedule", None, "db")
    obj = node("True", *BOTH, theirs)
    assert decide(replace(ALIVE, node=obj)) == (Update(with_taints(obj, theirs)),)


def test_a_verdict_that_came_after_the_session_is_taken_back() -> None:
    obj = with_taints(node("Unknown"), *BOTH)
    back = copy_of(obj)
    condition = back.status.conditions[0]
    condition.status, condition.reason = "True", "AgentReady"
    condition.message = "the node agent is connected"
    condition.lastTransitionTime.seconds = int(NOW)
    assert decide(replace(ALIVE, node=obj)) == (UpdateStatus(back), Update(with_taints(obj)))


def test_a_node_that_says_it_is_not_ready_is_tainted_so() -> None:
    wanted = (taint(NOT_READY, "NoExecute"), taint(NOT_READY, "NoSchedule"))
    obj = node("False")
    assert decide(replace(ALIVE, node=obj)) == (Update(with_taints(obj, *wanted)), RequeueAfter(2.0))


@pytest.mark.parametrize(
    ("unschedulable", "pressure", "keys"),
    [
        pytest.param(True, "False", ["node.kubernetes.io/unschedulable"], id="cordoned"),
        pytest.param(False, "True", ["node.kubernetes.io/memory-pressure"], id="pressure"),
    ],
)
def test_cordon_and_pressure_keep_new_pods_away(unschedulable: bool, pressure: str, keys: list[str]) -> None:
    obj = node()
    obj.spec.unschedulable = unschedulable
    obj.status.conditions.add(type="MemoryPressure", status=pressure)
    wanted = with_taints(obj, *(taint(key, "NoSchedule") for key in keys))
    assert decide(replace(ALIVE, node=obj)) == (Update(wanted),)
    wanted.spec.unschedulable = False
    wanted.status.conditions[1].status = "False"
    assert decide(replace(ALIVE, node=wanted)) == (Update(with_taints(wanted)),)


def test_a_taint_that_evicts_gets_the_time_it_lacks() -> None:
    obj = node("True", taint("maintenance", "NoExecute", None))
    expected = with_taints(obj, taint("maintenance", "NoExecute", NOW))
    assert decide(replace(ALIVE, node=obj)) == (Update(expected),)


@pytest.mark.parametrize(
    ("gone", "nodes", "evicts"),
    [
        pytest.param(1, 1, False, id="the-only-one"),
        pytest.param(1, 2, True, id="one-of-two"),
        pytest.param(2, 2, False, id="all-of-two"),
        pytest.param(2, 3, True, id="two-of-three-are-not-many"),
        pytest.param(3, 4, False, id="most-of-four"),
        pytest.param(55, 100, True, id="just-not-most"),
        pytest.param(56, 100, False, id="most"),
    ],
)
def test_when_most_nodes_are_gone_nobody_is_evicted(gone: int, nodes: int, evicts: bool) -> None:
    settled = with_taints(unknown(node()), *BOTH)
    actions = decide(replace(GONE, node=settled, gone=gone, nodes=nodes))
    if evicts:
        assert actions == (RequeueAfter(2.0),)
    else:
        text = f"{gone} of {nodes} nodes are gone at once: pods are not evicted until most nodes are back"
        assert actions == (
            Update(with_taints(settled, BOTH[1])),
            Record(settled, "Warning", "EvictionStopped", text),
            RequeueAfter(2.0),
        )


def world(sessions: Sessions, names: str) -> tuple[Model, LivenessController]:
    model, controller = Model(), LivenessController(sessions, sessions)
    attach(model, controller)
    for name in names:
        model.put_new(node(name=name))
    return model, controller


def snapshot(sessions: Sessions, names: str, name: str) -> NodeSnapshot:
    model, controller = world(sessions, names)
    found = controller.snapshot(model, ObjectKey("Node", "", name), None)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("ended", "started_at", "verdict_in_s"),
    [
        pytest.param(999.0, 0.0, 3.0, id="just-ended"),
        pytest.param(990.0, 0.0, 0.0, id="long-ago"),
        pytest.param(None, 0.0, 0.0, id="never-seen"),
        pytest.param(None, 995.0, 5.0, id="never-seen-since-a-late-start"),
        pytest.param(996.0, 995.0, 5.0, id="no-verdict-in-the-first-interval"),
    ],
)
def test_when_a_node_is_taken_for_gone(ended: float | None, started_at: float, verdict_in_s: float) -> None:
    sessions = Sessions(started_at=started_at, connected={"b", "c"})
    if ended is not None:
        sessions.ended["a"] = ended
    found = snapshot(sessions, "abc", "a")
    assert (found.connected, found.verdict_in_s, found.nodes) == (False, verdict_in_s, 3)


def test_who_counts_as_gone() -> None:
    sessions = Sessions(connected={"a", "b"}, ended={"c": 999.0, "d": 990.0})
    found = snapshot(sessions, "abcd", "a")
    assert (found.connected, found.gone, found.nodes) == (True, 1, 4)


def test_a_session_that_ends_is_a_reason_to_decide() -> None:
    sessions = Sessions()
    keys: list[ObjectKey] = []
    end = LivenessController(sessions, sessions).listen(keys.append)
    sessions.listeners[0]("alpha", None)
    end()
    assert keys == [ObjectKey("Node", "", "alpha")]
    assert sessions.listeners == []


def test_a_node_that_is_deleted_is_no_more_counted() -> None:
    sessions = Sessions(connected={"a", "b"})
    model, controller = world(sessions, "ab")
    model.remove(ObjectKey("Node", "", "b"))
    assert decided(model, controller, ObjectKey("Node", "", "b")) == ()
    found = controller.snapshot(model, ObjectKey("Node", "", "a"), None)
    assert found is not None
    assert found.nodes == 1


# eviction


def pod(name: str, *tolerations: core.Toleration, came: float = NOW - 100) -> core.Pod:
    obj = core.Pod()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.uid = name, "default", f"uid-{name}"
    obj.spec.nodeName, obj.status.phase = "alpha", "Running"
    obj.spec.tolerations.extend(tolerations)
    scheduled = obj.status.conditions.add(type="PodScheduled", status="True")
    scheduled.lastTransitionTime.seconds = int(came)
    return obj


def tolerating(key: str = UNREACHABLE, seconds: int | None = None) -> core.Toleration:
    toleration = core.Toleration(key=key, operator="Exists", effect="NoExecute")
    if seconds is not None:
        toleration.tolerationSeconds = seconds
    return toleration


LOST = node("Unknown", taint(UNREACHABLE, "NoExecute", NOW - 3), taint(UNREACHABLE, "NoSchedule"))


def evicted(one: core.Pod, obj: core.Node = LOST) -> Action:
    text = f"Deleting pod default/{one.metadata.name}: node alpha has {obj.spec.taints[0].key}"
    return delete(one, Record(one, "Normal", "TaintManagerEviction", text))


def finished(one: core.Pod) -> core.Pod:
    one.status.phase = "Succeeded"
    return one


def going(one: core.Pod) -> core.Pod:
    one.metadata.deletionTimestamp.seconds = int(NOW)
    return one


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(pod("a"), (evicted(pod("a")),), id="not-tolerated"),
        pytest.param(pod("a", tolerating()), (), id="tolerated-for-ever"),
        pytest.param(pod("a", tolerating(seconds=5)), (RequeueAfter(2.0),), id="tolerated-for-a-while"),
        pytest.param(
            pod("a", tolerating(seconds=3)), (evicted(pod("a", tolerating(seconds=3))),), id="time-is-up"
        ),
        pytest.param(
            pod("a", tolerating(seconds=0)), (evicted(pod("a", tolerating(seconds=0))),), id="for-no-time"
        ),
        pytest.param(
            pod("a", tolerating(), tolerating("", 9)), (RequeueAfter(6.0),), id="the-shortest-counts"
        ),
        pytest.param(
            pod("a", tolerating(seconds=5), came=NOW - 1), (RequeueAfter(4.0),), id="from-when-it-came"
        ),
        pytest.param(
            pod("a", tolerating(NOT_READY)), (evicted(pod("a", tolerating(NOT_READY))),), id="other"
        ),
        pytest.param(finished(pod("a")), (), id="finished"),
        pytest.param(going(pod("a")), (), id="on-its-way"),
    ],
)
def test_when_a_pod_is_evicted(one: core.Pod, expected: tuple[Action, ...]) -> None:
    controller = EvictionController(lambda: 0.0)
    assert controller.decide(EvictionSnapshot(LOST, (one,)), NOW) == expected


def test_the_next_pod_that_is_due_sets_the_timer() -> None:
    pods = (pod("a", tolerating(seconds=60)), pod("b"), pod("c", tolerating(seconds=10)))
    controller = EvictionController(lambda: 0.0)
    assert controller.decide(EvictionSnapshot(LOST, pods), NOW) == (evicted(pods[1]), RequeueAfter(7.0))


def test_nobody_is_evicted_in_the_first_interval_but_for_what_people_taint() -> None:
    controller = EvictionController(lambda: 8.0)
    assert controller.decide(EvictionSnapshot(LOST, (pod("a"),), 8.0), NOW) == (RequeueAfter(8.0),)
    drained = node("True", taint("maintenance", "NoExecute"))
    assert controller.decide(EvictionSnapshot(drained, (pod("a"),), 8.0), NOW) == (
        evicted(pod("a"), drained),
    )


def test_many_pods_are_evicted_in_bursts() -> None:
    pods = tuple(pod(f"p{number}") for number in range(501))
    actions = EvictionController(lambda: 0.0).decide(EvictionSnapshot(LOST, pods), NOW)
    assert len(actions) == 501
    assert actions[-1] == RequeueAfter(0.0)


def test_only_pods_on_tainted_nodes_are_looked_at() -> None:
    model, controller = Model(), EvictionController(lambda: 0.0)
    keys = attach(model, controller)
    model.put_new(node(name="beta"))
    model.put_new(pod("early"))
    assert keys == []
    model.put_new(LOST)
    model.put_new(pod("late"))
    assert keys == [ObjectKey("Node", "", "alpha")] * 2
    assert len(decided(model, controller, keys[0])) == 2
    assert decided(model, controller, ObjectKey("Node", "", "beta")) == ()


@pytest.mark.parametrize(
    ("toleration", "matches"),
    [
        pytest.param(core.Toleration(operator="Exists"), True, id="everything"),
        pytest.param(core.Toleration(key="k", operator="Exists"), True, id="key"),
        pytest.param(core.Toleration(key="k", value="v"), True, id="equal-by-default"),
        pytest.param(core.Toleration(key="k", operator="Equal", value="w"), False, id="other-value"),
        pytest.param(core.Toleration(key="k", value="v", effect="NoSchedule"), False, id="other-effect"),
        pytest.param(core.Toleration(key="j", operator="Exists"), False, id="other-key"),
        pytest.param(core.Toleration(operator="Equal", value="v"), False, id="equal-needs-a-key"),
    ],
)
def test_which_taint_a_toleration_is_for(toleration: core.Toleration, matches: bool) -> None:
    assert tolerates(toleration, taint("k", "NoExecute", value="v")) is matches
