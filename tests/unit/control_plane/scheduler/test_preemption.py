"""Preemption as a table: which node, which victims; and how a nominated pod gets its room."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption, Unschedulable
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.selectors import Requirement, Selector
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod


def running(
    name: str, node: str, priority: int = 0, cpu: str = "1", started: int = 0, **more: Any
) -> core.Pod:
    pod = make_pod(name, node=node, priority=priority, requests={"cpu": cpu}, **more)
    pod.status.startTime.seconds = started
    return pod


def bench(*pods: core.Pod, nodes: Sequence[str] = "ab", cpu: str = "2") -> Bench:
    filled = Bench(*(make_node(name, cpu=cpu) for name in nodes))
    for pod in pods:
        filled.place(pod)
        key = f"default/{pod.metadata.name}"
        known = filled.cluster.pods[key]
        filled.cluster.put_pod(known._replace(started=float(pod.status.startTime.seconds)))
    return filled


def victims(
    filled: Bench, budgets: Sequence[Budget] = (), cpu: str = "2", priority: int = 10, **more: Any
) -> tuple[str, list[str]] | None:
    """(node, names of the victims) for an urgent pod, or None."""
    pod = filled.pending(make_pod("urgent", priority=priority, requests={"cpu": cpu}, **more))
    (decision,) = decide(filled.cluster, [pod], DEFAULT, 0, budgets)
    if not isinstance(decision, Preemption):
        assert isinstance(decision, Unschedulable)
        return None
    return decision.node, [victim.key.removeprefix("default/") for victim in decision.victims]


def test_only_as_many_as_needed_the_least_important_ones() -> None:
    filled = bench(
        running("high", "a", 5), running("low", "a", 1), running("x", "b", 20), running("y", "b", 20)
    )
    assert victims(filled, cpu="1") == ("a", ["low"])


def test_of_equal_priority_the_youngest_goes() -> None:
    filled = bench(running("old", "a", 1, started=10), running("young", "a", 1, started=20), nodes="a")
    assert victims(filled, cpu="1") == ("a", ["young"])


@pytest.mark.parametrize(
    ("pods", "chosen"),
    [
        pytest.param(
            [running("a1", "a", 9, "2"), running("b1", "b", 1), running("b2", "b", 1)],
            ("b", ["b1", "b2"]),
            id="the lowest highest priority, before fewer victims",
        ),
        pytest.param(
            [running("a1", "a", 5), running("a2", "a", 5), running("b1", "b", 5), running("b2", "b", 1)],
            ("b", ["b1", "b2"]),
            id="the lowest sum",
        ),
        pytest.param(
            [running("a1", "a", 1), running("a2", "a", 1), running("b1", "b", 1, "2")],
            ("b", ["b1"]),
            id="the fewest",
        ),
        pytest.param(
            [running("a1", "a", 1, "2", started=10), running("b1", "b", 1, "2", started=20)],
            ("b", ["b1"]),
            id="the latest start",
        ),
    ],
)
def test_which_node(pods: list[core.Pod], chosen: tuple[str, list[str]]) -> None:
    assert victims(bench(*pods)) == chosen


def web_budget(allowed: int) -> Budget:
    return Budget("default", Selector((Requirement("app", "In", ("web",)),)), allowed)


@pytest.mark.parametrize(
    ("budgets", "chosen"),
    [
        pytest.param([], ("a", ["web"]), id="without: the lower priority"),
        pytest.param([web_budget(0)], ("b", ["other"]), id="protected: another node"),
        pytest.param([web_budget(1)], ("a", ["web"]), id="one may go"),
        pytest.param([Budget("default", Selector(), 0)], ("a", ["web"]), id="an empty selector"),
        pytest.param([replace(web_budget(0), namespace="x")], ("a", ["web"]), id="another namespace"),
        pytest.param(
            [replace(web_budget(0), disrupted=frozenset({"web"}))], ("a", ["web"]), id="known to be going"
        ),
    ],
)
def test_budgets(budgets: list[Budget], chosen: tuple[str, list[str]]) -> None:
    filled = bench(running("web", "a", 1, "2", labels={"app": "web"}), running("other", "b", 2, "2"))
    assert victims(filled, budgets) == chosen


def test_a_budget_is_broken_rather_than_the_pod_left_waiting() -> None:
    filled = bench(running("web", "a", 1, "2", labels={"app": "web"}), nodes="a")
    assert victims(filled, [web_budget(0)]) == ("a", ["web"])


@pytest.mark.parametrize(
    ("more", "priority"),
    [
        pytest.param({"preemptionPolicy": "Never"}, 10, id="preemptionPolicy Never"),
        pytest.param({}, 1, id="nobody is of lower priority"),
        pytest.param({"nodeSelector": {"disk": "ssd"}}, 10, id="evicting does not change what a node is"),
    ],
)
def test_who_may_not_preempt(more: dict[str, Any], priority: int) -> None:
    filled = bench(running("x", "a", 1, "2"), nodes="a")
    assert victims(filled, priority=priority, **more) is None


def test_too_large_even_for_an_empty_node() -> None:
    assert victims(bench(running("x", "a", 1), nodes="a"), cpu="3") is None


def test_room_is_kept_and_the_next_pod_takes_other_victims() -> None:
    filled = bench(running("x", "a", 1, "2"), running("y", "b", 1, "2"))
    pods = [filled.pending(make_pod(f"u{n}", priority=10, requests={"cpu": "2"})) for n in range(3)]
    found = []
    for pod in pods:
        found += decide(filled.cluster, [pod], DEFAULT, 0, ())
    assert [(d.node, len(d.victims)) for d in found if isinstance(d, Preemption)] == [("a", 1), ("b", 1)]
    assert isinstance(found[2], Unschedulable)


def nominee(filled: Bench) -> PendingPod:
    """A pod for which x on a makes room."""
    pod = filled.pending(make_pod("urgent", priority=10, requests={"cpu": "2"}))
    (decision,) = decide(filled.cluster, [pod], DEFAULT, 0, ())
    assert isinstance(decision, Preemption)
    assert filled.cluster.undo(pod.key, pod.uid)
    return replace(pod, nominated=decision.node)


def test_while_victims_are_going_nobody_else_is_evicted() -> None:
    filled = bench(running("x", "a", 1, "2"), running("y", "b", 2, "2"))
    pod = nominee(filled)
    filled.cluster.put_pod(filled.cluster.pods["default/x"]._replace(terminating=True))
    (decision,) = decide(filled.cluster, [pod], DEFAULT, 0, ())
    assert isinstance(decision, Preemption)
    assert (decision.node, decision.victims) == ("a", ())


def test_the_nominated_node_is_taken_as_soon_as_there_is_room() -> None:
    filled = bench(running("x", "a", 1, "2"), running("y", "b", 2, "2"))
    pod = nominee(filled)
    filled.cluster.remove_pod("default/x")
    filled.cluster.remove_pod("default/y")
    assert decide(filled.cluster, [pod], DEFAULT, 1, ()) == [Placed(pod, "a")]


def test_a_nominated_node_that_has_gone_is_forgotten() -> None:
    filled = bench(running("x", "a", 1, "2"), running("y", "b", 2, "2"))
    pod = nominee(filled)
    filled.cluster.remove_node("a")
    (decision,) = decide(filled.cluster, [pod], DEFAULT, 0, ())
    assert isinstance(decision, Preemption)
    assert decision.node == "b"
