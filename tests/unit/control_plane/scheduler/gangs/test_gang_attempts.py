"""An attempt to place a gang: all it needs, or nothing, and nothing left behind."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.gangs.attempt import GangAttempt, decide_gang
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.shape import Shape
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import HOSTNAME, Bench, make_node, make_pod

GANG = "default/train"


def profile_of(_: Shape) -> Profile:
    return DEFAULT


def members(bench: Bench, *pods: core.Pod) -> list[PendingPod]:
    return [
        PendingPod(pending.key, pending.uid, pending.shape, gang=GANG) for pending in map(bench.pending, pods)
    ]


def workers(bench: Bench, count: int, cpu: str = "1", **spec: Any) -> list[PendingPod]:
    return members(bench, *(make_pod(f"w{n}", requests={"cpu": cpu}, **spec) for n in range(count)))


def held(cluster: Cluster) -> dict[str, str]:
    return {key: pod.node for key, pod in cluster.pods.items()}


def apart(app: str) -> dict[str, object]:
    term = {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_a_gang_that_fits_is_placed_whole() -> None:
    bench = Bench(make_node("a", cpu="2"), make_node("b", cpu="2"))
    outcome = decide_gang(bench.cluster, GANG, workers(bench, 4), 4, profile_of)
    assert sorted(placed.node for placed in outcome.placed) == ["a", "a", "b", "b"]
    assert outcome.refusal is None
    assert not outcome.preemptions


def test_a_gang_that_does_not_fit_leaves_nothing_behind_and_says_how_many_do() -> None:
    bench = Bench(make_node("a", cpu="2"), make_node("b", cpu="1"))
    outcome = decide_gang(bench.cluster, GANG, workers(bench, 4), 4, profile_of)
    assert not outcome.placed
    assert held(bench.cluster) == {}
    assert outcome.refusal is not None
    assert outcome.refusal.message == (
        "3 of 4 pods of gang default/train fit at once: 0/2 nodes are available: 2 Insufficient cpu."
    )


def test_pods_beyond_the_least_are_placed_where_they_fit_and_else_refused() -> None:
    bench = Bench(make_node("a", cpu="3"))
    outcome = decide_gang(bench.cluster, GANG, workers(bench, 5), 2, profile_of)
    assert len(outcome.placed) == 3
    assert outcome.refusal is not None
    assert not outcome.refusal.note


def test_pods_of_several_shapes_are_one_gang() -> None:
    bench = Bench(make_node("a", cpu="4"), make_node("b", cpu="2"))
    pods = members(
        bench,
        make_pod("leader", requests={"cpu": "4"}),
        make_pod("w0", requests={"cpu": "2"}),
        make_pod("w1", requests={"cpu": "2"}),
    )
    outcome = decide_gang(bench.cluster, GANG, pods, 3, profile_of)
    assert outcome.refusal is not None
    assert held(bench.cluster) == {}
    bench.cluster.put_node(node_facts(make_node("c", cpu="2")))
    outcome = decide_gang(bench.cluster, GANG, pods, 3, profile_of)
    assert len(outcome.placed) == 3


def test_pods_of_a_gang_see_each_other() -> None:
    bench = Bench(make_node("a"), make_node("b"))
    pods = [make_pod(f"w{n}", labels={"app": "w"}, affinity=apart("w")) for n in range(3)]
    refused = decide_gang(bench.cluster, GANG, members(bench, *pods), 3, profile_of)
    assert refused.refusal is not None
    assert held(bench.cluster) == {}
    outcome = decide_gang(bench.cluster, GANG, members(bench, *pods[:2]), 2, profile_of)
    assert sorted(placed.node for placed in outcome.placed) == ["a", "b"]


def test_room_is_made_for_the_whole_gang_and_kept_for_those_that_fit() -> None:
    low = [make_pod(f"low-{n}", node=n, requests={"cpu": "2"}, priority=1) for n in "ab"]
    bench = Bench(make_node("a", cpu="2"), make_node("b", cpu="2"), make_node("c", cpu="2"), pods=low)
    pods = workers(bench, 3, "2", priority=10)
    outcome = decide_gang(bench.cluster, GANG, pods, 3, profile_of, budgets=())
    assert not outcome.placed
    assert outcome.refusal is None
    assert sorted(victim.key for made in outcome.preemptions for victim in made.victims) == [
        "default/low-a",
        "default/low-b",
    ]
    assert sorted(made.node for made in outcome.preemptions) == ["a", "b", "c"]
    assert {key for key in held(bench.cluster) if "/w" in key} == {pod.key for pod in pods}


def test_nobody_goes_for_a_gang_that_would_not_fit_even_so() -> None:
    low = make_pod("low", node="a", requests={"cpu": "2"}, priority=1)
    bench = Bench(make_node("a", cpu="2"), pods=[low])
    outcome = decide_gang(bench.cluster, GANG, workers(bench, 2, "2", priority=10), 2, profile_of, budgets=())
    assert not outcome.preemptions
    assert outcome.refusal is not None
    assert held(bench.cluster) == {"default/low": "a"}


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_steps_of_any_size_end_alike(most: int) -> None:
    bench = Bench(make_node("a", cpu="3"), make_node("b", cpu="3"))
    whole = decide_gang(Bench(make_node("a", cpu="3"), make_node("b", cpu="3")).cluster, GANG,
                        workers(bench, 6), 6, profile_of)  # fmt: skip
    attempt = GangAttempt(GANG, workers(bench, 6), 6, 0)
    while not attempt.step(bench.cluster, profile_of, None, most):
        pass
    outcome = attempt.end(bench.cluster, lambda pod: True)
    assert sorted(p.node for p in outcome.placed) == sorted(p.node for p in whole.placed)


def test_a_pod_that_goes_in_between_takes_the_gang_with_it() -> None:
    bench = Bench(make_node("a"))
    attempt = GangAttempt(GANG, workers(bench, 3), 3, 0)
    while not attempt.step(bench.cluster, profile_of, None, 1):
        pass
    outcome = attempt.end(bench.cluster, lambda pod: pod.key != "default/w1")
    assert not outcome.placed
    assert outcome.refusal is None
    assert held(bench.cluster) == {}


def test_a_node_that_goes_in_between_takes_the_gang_with_it() -> None:
    bench = Bench(make_node("a", cpu="2"), make_node("b", cpu="2"))
    attempt = GangAttempt(GANG, workers(bench, 4), 4, 0)
    while not attempt.step(bench.cluster, profile_of, None, 2):
        pass
    bench.cluster.remove_node("b")
    outcome = attempt.end(bench.cluster, lambda pod: True)
    assert not outcome.placed
    assert not any(pod.assumed for pod in bench.cluster.pods.values())


def some_pods(sizes: Sequence[int]) -> list[core.Pod]:
    return [make_pod(f"w{n}", requests={"cpu": str(size)}) for n, size in enumerate(sizes)]


@given(
    nodes=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    needs=st.integers(1, 8),
    seed=st.integers(0, 1 << 16),
)
def test_all_or_none_always(nodes: list[int], sizes: list[int], needs: int, seed: int) -> None:
    needs = min(needs, len(sizes))
    bench = Bench(*(make_node(f"n{n}", cpu=str(cpu)) for n, cpu in enumerate(nodes)))
    pods = members(bench, *some_pods(sizes))
    outcome = decide_gang(bench.cluster, GANG, pods, needs, profile_of, random.Random(seed).randrange(99))
    assert held(bench.cluster) == {placed.pod.key: placed.node for placed in outcome.placed}
    assert not outcome.placed or len(outcome.placed) >= needs
    if len(outcome.placed) < len(pods):
        assert outcome.refusal is not None
        one = decide(bench.cluster, [outcome.refusal.pod], DEFAULT)
        if outcome.placed:  # who was left out really has no room
            assert not isinstance(one[0], Placed)
