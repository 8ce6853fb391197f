"""Scores with chosen resources and strategies, in Kubernetes' whole numbers, and what else a profile sets."""

from collections.abc import Sequence

import numpy as np
import pytest

from control_plane.scheduler.evaluate import look
from control_plane.scheduler.filters.node_affinity import ADDED_REASON, NodeAffinity
from control_plane.scheduler.filters.node_resources_fit import NodeResourcesFit
from control_plane.scheduler.framework import Score
from control_plane.scheduler.scores.allocation import (
    AllocationScore,
    LeastAllocatedStrategy,
    MostAllocatedStrategy,
    RequestedToCapacityRatioStrategy,
    Strategy,
    WeightedResource,
)
from control_plane.scheduler.scores.balance_of import BalanceOf
from control_plane.scheduler.scores.balanced_allocation import BalancedAllocation
from control_plane.scheduler.scores.least_allocated import LeastAllocated
from control_plane.scheduler.scores.node_affinity import NodeAffinityScore
from control_plane.scheduler.selectors import Requirement
from control_plane.scheduler.shape import NodeTerm, WeightedNodeTerm
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod

GPU = "example.com/gpu"
CPU, MEMORY = WeightedResource("cpu"), WeightedResource("memory")
PACK = RequestedToCapacityRatioStrategy([(0, 0), (100, 10)])
SPREAD = RequestedToCapacityRatioStrategy([(0, 10), (100, 0)])
BENT = RequestedToCapacityRatioStrategy([(0, 0), (70, 8), (100, 0)])


def worth(score: Score, bench: Bench, pod: core.Pod) -> list[int]:
    view = look(bench.cluster, bench.pending(pod).shape)
    vector = score.score(view, np.ones(view.size, np.bool_))
    assert isinstance(vector, np.ndarray)
    return [int(value) for value in vector]


@pytest.mark.parametrize(
    ("strategy", "resources", "requests", "score"),
    [
        pytest.param(LeastAllocatedStrategy(), [CPU, MEMORY], {"cpu": "1", "memory": "2Gi"}, 75, id="least"),
        pytest.param(MostAllocatedStrategy(), [CPU, MEMORY], {"cpu": "1", "memory": "2Gi"}, 25, id="most"),
        pytest.param(MostAllocatedStrategy(), [CPU], {"cpu": "3", "memory": "0"}, 75, id="most of cpu alone"),
        pytest.param(
            MostAllocatedStrategy(),
            [WeightedResource("cpu", 3), MEMORY],
            {"cpu": "4", "memory": "0"},
            75,
            id="by weight",
        ),
        pytest.param(MostAllocatedStrategy(), [CPU, MEMORY], {}, 2, id="defaults count"),
        pytest.param(MostAllocatedStrategy(), [CPU], {"cpu": "9"}, 100, id="no more than all"),
        pytest.param(LeastAllocatedStrategy(), [CPU], {"cpu": "9"}, 0, id="no less than none"),
        pytest.param(
            MostAllocatedStrategy(),
            [CPU, WeightedResource(GPU, 9)],
            {"cpu": "1", "memory": "0"},
            25,
            id="an extended resource that is not asked for",
        ),
        pytest.param(
            MostAllocatedStrategy(),
            [CPU, WeightedResource(GPU, 9)],
            {"cpu": "1", GPU: "1"},
            47,
            id="an extended resource that is",
        ),
        pytest.param(LeastAllocatedStrategy(), [WeightedResource("none.com/x")], {}, 0, id="nothing counts"),
        pytest.param(PACK, [CPU, MEMORY], {"cpu": "2", "memory": "2Gi"}, 38, id="ratio, upwards"),
        pytest.param(SPREAD, [CPU, MEMORY], {"cpu": "2", "memory": "2Gi"}, 63, id="ratio, downwards"),
        pytest.param(PACK, [CPU], {"cpu": "9"}, 100, id="ratio, above all"),
        pytest.param(BENT, [CPU], {"cpu": "2800m"}, 80, id="ratio, at a point"),
        pytest.param(BENT, [CPU], {"cpu": "3400m"}, 40, id="ratio, between points"),
        pytest.param(
            PACK, [CPU, MEMORY], {"cpu": "2", "memory": "0"}, 50, id="ratio, a score of 0 is left out"
        ),
    ],
)
def test_strategies(
    strategy: Strategy, resources: Sequence[WeightedResource], requests: dict[str, str], score: int
) -> None:
    bench = Bench(make_node("n", cpu="4", memory="8Gi", more={GPU: "2"}))
    assert worth(AllocationScore(strategy, resources), bench, make_pod("p", requests=requests)) == [score]


@pytest.mark.parametrize(
    ("resources", "requests", "score"),
    [
        pytest.param(["cpu", "memory"], {"cpu": "1", "memory": "2Gi"}, 100, id="equal"),
        pytest.param(["cpu", "memory"], {"cpu": "4", "memory": "0"}, 50, id="two apart"),
        pytest.param(["cpu"], {"cpu": "4"}, 100, id="one is always balanced"),
        pytest.param(
            ["cpu", "memory", GPU], {"cpu": "4", "memory": "8Gi", GPU: "2"}, 100, id="three, all full"
        ),
        pytest.param(
            ["cpu", "memory", GPU], {"cpu": "0", "memory": "0", GPU: "2"}, 52, id="one of three full"
        ),
        pytest.param(
            ["cpu", "memory", GPU], {"cpu": "1", "memory": "2Gi"}, 100, id="the third not asked for"
        ),
    ],
)
def test_balance_of_chosen_resources(resources: list[str], requests: dict[str, str], score: int) -> None:
    bench = Bench(make_node("n", cpu="4", memory="8Gi", more={GPU: "2"}))
    assert worth(BalanceOf(resources), bench, make_pod("p", requests=requests)) == [score]


@pytest.mark.parametrize("requests", [{}, {"cpu": "300m"}, {"cpu": "1", "memory": "3Gi"}])
def test_the_quick_scores_equal_the_general_ones(requests: dict[str, str]) -> None:
    nodes = [make_node("a", cpu="3", memory="7Gi"), make_node("b", memory="0"), make_node("c", cpu="64")]
    running = [make_pod("q", node="a", requests={"cpu": "700m", "memory": "1Gi"})]
    bench, pod = Bench(*nodes, pods=running), make_pod("p", requests=requests)
    general = AllocationScore(LeastAllocatedStrategy(), [CPU, MEMORY])
    assert worth(general, bench, pod) == worth(LeastAllocated(), bench, pod)
    assert worth(BalanceOf(["cpu", "memory"]), bench, pod) == worth(BalancedAllocation(), bench, pod)


@pytest.mark.parametrize(
    "score", [AllocationScore(MostAllocatedStrategy(), [CPU, MEMORY]), BalanceOf(["cpu", "memory", GPU])]
)
def test_looking_ahead_equals_placing(score: AllocationScore | BalanceOf) -> None:
    nodes = [make_node("a", cpu="3", more={GPU: "4"}), make_node("b", cpu="8", more={GPU: "9"})]
    pod = make_pod("p", requests={"cpu": "500m", GPU: "1"})
    bench = Bench(*nodes)
    view = look(bench.cluster, bench.pending(pod).shape)
    ahead = score.ahead(view, np.array([0, 1]), np.arange(3.0)[:, np.newaxis])
    assert ahead is not None
    for copies in range(3):
        assert ahead[copies].tolist() == worth(score, bench, pod)
        for node in ("a", "b"):
            bench.place(make_pod(f"{node}{copies}", node=node, requests={"cpu": "500m", GPU: "1"}))


@pytest.mark.parametrize(
    ("fit", "fits"),
    [
        pytest.param(NodeResourcesFit(), False, id="looked at"),
        pytest.param(NodeResourcesFit(ignored=[GPU]), True, id="ignored"),
        pytest.param(NodeResourcesFit(ignored_groups=["example.com"]), True, id="ignored group"),
        pytest.param(NodeResourcesFit(ignored=["cpu"]), False, id="another ignored"),
    ],
)
def test_ignored_resources(fit: NodeResourcesFit, fits: bool) -> None:
    bench = Bench(make_node("n"))
    view = look(bench.cluster, bench.pending(make_pod("p", requests={GPU: "1"})).shape)
    mask = fit.mask(view)
    assert mask is not None
    assert mask.tolist() == [fits]


def test_base_resources_cannot_be_ignored() -> None:
    bench = Bench(make_node("n", cpu="1"))
    view = look(bench.cluster, bench.pending(make_pod("p", requests={"cpu": "2"})).shape)
    mask = NodeResourcesFit(ignored=["cpu"]).mask(view)
    assert mask is not None
    assert not mask.any()


def test_affinity_that_a_profile_adds() -> None:
    bench = Bench(make_node("a", labels={"pool": "web"}), make_node("b"))
    term = NodeTerm((Requirement("pool", "In", ("web",)),), ())
    added = NodeAffinity(added=(term,))
    view = look(bench.cluster, bench.pending(make_pod("p")).shape)
    mask = added.mask(view)
    assert mask is not None
    assert mask.tolist() == [True, False]
    assert [refusal.reason for refusal in added.refusals(view, np.array([1]))] == [ADDED_REASON]
    score = NodeAffinityScore(added=(WeightedNodeTerm(5, term),))
    assert worth(score, bench, make_pod("p")) == [100, 0]
