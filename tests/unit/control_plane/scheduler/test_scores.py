"""Decision tables of the scores: what a node is worth, in Kubernetes' whole numbers."""

from typing import Any

import pytest

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Placed
from control_plane.scheduler.evaluate import feasible, look, plugin_scores
from control_plane.scheduler.profiles import DEFAULT
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import ZONE, Bench, make_node, make_pod

PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def scores(plugin: str, bench: Bench, pod: core.Pod) -> dict[str, int]:
    """node -> weighted score of one plugin; {} when it has no opinion."""
    view = look(bench.cluster, bench.pending(pod).shape)
    vector = plugin_scores(view, DEFAULT, feasible(view, DEFAULT)).get(plugin)
    return {} if vector is None else {name: int(vector[row]) for name, row in view.nodes.rows.items()}


@pytest.mark.parametrize(
    ("requests", "running", "score"),
    [
        pytest.param({"cpu": "1", "memory": "2Gi"}, {}, 75, id="a quarter of each"),
        pytest.param({"cpu": "4", "memory": "8Gi"}, {}, 0, id="all of each"),
        pytest.param({"cpu": "1", "memory": "0"}, {}, 87, id="the mean, rounded down"),
        pytest.param({}, {}, 97, id="without requests 100m and 200Mi count"),
        pytest.param(
            {"cpu": "1", "memory": "2Gi"}, {"cpu": "1", "memory": "2Gi"}, 50, id="with what is there"
        ),
    ],
)
def test_least_allocated(requests: dict[str, str], running: dict[str, str], score: int) -> None:
    pods = [make_pod("q", node="n", requests=running)] if running else []
    bench = Bench(make_node("n", cpu="4", memory="8Gi"), make_node("other"), pods=pods)
    assert scores("NodeResourcesFit", bench, make_pod("p", requests=requests))["n"] == score


@pytest.mark.parametrize(
    ("requests", "score"),
    [
        pytest.param({"cpu": "1", "memory": "2Gi"}, 100, id="equal shares"),
        pytest.param({"cpu": "4", "memory": "0"}, 50, id="one full, one empty"),
        pytest.param({"cpu": "2", "memory": "2Gi"}, 87, id="a half and a quarter"),
        pytest.param({}, 100, id="nothing asked for is balanced"),
    ],
)
def test_balanced_allocation(requests: dict[str, str], score: int) -> None:
    bench = Bench(make_node("n", cpu="4", memory="8Gi"), make_node("other"))
    pod = make_pod("p", requests=requests)
    assert scores("NodeResourcesBalancedAllocation", bench, pod)["n"] == score


def test_a_resource_that_a_node_has_none_of_is_left_out() -> None:
    bench = Bench(make_node("n", cpu="4", memory="0"), make_node("other"))
    pod = make_pod("p", requests={"cpu": "1", "memory": "0"})
    assert scores("NodeResourcesFit", bench, pod)["n"] == 75
    assert scores("NodeResourcesBalancedAllocation", bench, pod)["n"] == 100


def test_fewer_soft_taints_are_better() -> None:
    def soft(count: int) -> list[dict[str, str]]:
        return [{"key": f"k{index}", "effect": "PreferNoSchedule"} for index in range(count)]

    bench = Bench(*(make_node(f"n{count}", taints=soft(count)) for count in range(4)))
    assert scores("TaintToleration", bench, make_pod("p")) == {"n0": 300, "n1": 201, "n2": 102, "n3": 0}
    tolerant = make_pod("p", tolerations=[{"key": "k0", "operator": "Exists", "effect": "NoSchedule"}])
    assert scores("TaintToleration", bench, tolerant)["n1"] == 201  # tolerated with another effect
    all_tolerated = make_pod("p", tolerations=[{"operator": "Exists"}])
    assert set(scores("TaintToleration", bench, all_tolerated).values()) == {300}


def test_preferred_node_affinity_adds_weights_and_the_best_is_100() -> None:
    def prefers(weight: int, *expressions: dict[str, Any]) -> dict[str, Any]:
        return {"weight": weight, "preference": {"matchExpressions": list(expressions)}}

    zone = {"key": ZONE, "operator": "In", "values": ["a"]}
    disk = {"key": "disk", "operator": "Exists"}
    bench = Bench(
        make_node("both", labels={ZONE: "a", "disk": "x"}),
        make_node("zone", labels={ZONE: "a"}),
        make_node("neither"),
    )
    pod = make_pod("p", affinity={"nodeAffinity": {PREFERRED: [prefers(30, zone), prefers(10, disk)]}})
    assert scores("NodeAffinity", bench, pod) == {"both": 200, "zone": 150, "neither": 0}
    assert scores("NodeAffinity", bench, make_pod("p")) == {}


def test_soft_spreading_prefers_the_emptier_zone() -> None:
    nodes = [make_node(f"n{zone}", labels={ZONE: zone}) for zone in "abc"]
    counts = {"a": 2, "b": 1, "c": 0}
    running = [
        make_pod(f"q{zone}{index}", node=f"n{zone}", labels={"app": "web"})
        for zone, count in counts.items()
        for index in range(count)
    ]
    constraint = {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway"}
    constraint["labelSelector"] = {"matchLabels": {"app": "web"}}
    pod = make_pod("p", labels={"app": "web"}, topologySpreadConstraints=[constraint])
    # log(3 + 2) = 1.609 a pod: 3, 2 and 0
    assert scores("PodTopologySpread", Bench(*nodes, pods=running), pod) == {"na": 0, "nb": 66, "nc": 200}


def test_pods_of_one_owner_are_spread_without_being_told_to() -> None:
    bench = Bench(*(make_node(f"n{index}", labels={ZONE: f"z{index % 2}"}) for index in range(4)))
    pods = [make_pod(f"p{index}", owner="rs") for index in range(4)]
    decisions = decide(bench.cluster, [bench.pending(pod) for pod in pods], DEFAULT)
    nodes = [decision.node for decision in decisions if isinstance(decision, Placed)]
    assert sorted(nodes) == ["n0", "n1", "n2", "n3"]
    assert {int(name[1:]) % 2 for name in nodes[:2]} == {0, 1}  # the second goes to the other zone


def test_preferences_between_pods_count_both_ways() -> None:
    def preference(kind: str, app: str) -> dict[str, Any]:
        term = {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": app}}}
        return {kind: {PREFERRED: [{"weight": 10, "podAffinityTerm": term}]}}

    nodes = [make_node(f"n{zone}", labels={ZONE: zone}) for zone in "abc"]
    running = [
        make_pod("liked", node="na", labels={"app": "db"}),
        make_pod("dislikes", node="nb", affinity=preference("podAntiAffinity", "web")),
    ]
    pod = make_pod("p", labels={"app": "web"}, affinity=preference("podAffinity", "db"))
    assert scores("InterPodAffinity", Bench(*nodes, pods=running), pod) == {"na": 200, "nb": 0, "nc": 100}


def test_a_large_image_that_is_there_already_counts() -> None:
    nodes = [make_node("has"), make_node("has-not")]
    nodes[0].status.images.add(names=["app:1"], sizeBytes=1000 * 2**20)
    # half of the nodes have it, so half of its size counts: (500 - 23) of (1000 - 23) MB
    assert scores("ImageLocality", Bench(*nodes), make_pod("p")) == {"has": 48, "has-not": 0}


def test_among_equals_the_rotation_decides_and_pods_are_spread() -> None:
    bench = Bench(*(make_node(f"n{index}") for index in range(4)))
    first = [
        decide(bench.cluster, [bench.pending(make_pod(f"p{start}"))], DEFAULT, start)[0]
        for start in (2, 2, 3)
    ]
    assert [decision.node for decision in first if isinstance(decision, Placed)] == ["n2", "n3", "n0"]
