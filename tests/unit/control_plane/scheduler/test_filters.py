"""Decision tables of the filters: one node, one pod, and what is said. Each case names its rule."""

from collections.abc import Sequence
from typing import Any

import pytest

from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import Placed, Unschedulable
from control_plane.scheduler.profiles import DEFAULT
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import ZONE, Bench, make_node, make_pod

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
FITS: list[str] = []


def why(pod: core.Pod, *nodes: core.Node, running: Sequence[core.Pod] = ()) -> list[str]:
    """The reasons, with counts, why no node takes the pod; [] when one does."""
    bench = Bench(*nodes, pods=running)
    (decision,) = decide(bench.cluster, [bench.pending(pod)], DEFAULT)
    if isinstance(decision, Placed):
        return FITS
    assert isinstance(decision, Unschedulable)
    return sorted(f"{count} {reason}" for reason, count in decision.counts.items())


TAINTED = "1 node(s) had untolerated taint {k: v}"


@pytest.mark.parametrize(
    ("taint", "toleration", "reasons"),
    [
        pytest.param("NoSchedule", None, [TAINTED], id="NoSchedule repels"),
        pytest.param("NoExecute", None, [TAINTED], id="NoExecute repels"),
        pytest.param("PreferNoSchedule", None, FITS, id="PreferNoSchedule does not repel"),
        pytest.param("NoSchedule", {"key": "k", "operator": "Exists"}, FITS, id="Exists ignores the value"),
        pytest.param("NoSchedule", {"key": "k", "value": "v"}, FITS, id="the operator defaults to Equal"),
        pytest.param(
            "NoSchedule", {"key": "k", "operator": "Equal", "value": "w"}, [TAINTED], id="other value"
        ),
        pytest.param(
            "NoSchedule", {"key": "k", "operator": "Equal"}, [TAINTED], id="an absent value is empty"
        ),
        pytest.param("NoSchedule", {"key": "j", "operator": "Exists"}, [TAINTED], id="other key"),
        pytest.param("NoSchedule", {"operator": "Exists"}, FITS, id="an empty key with Exists covers all"),
        pytest.param(
            "NoSchedule", {"key": "k", "value": "v", "effect": "NoSchedule"}, FITS, id="the same effect"
        ),
        pytest.param(
            "NoExecute", {"key": "k", "value": "v", "effect": "NoSchedule"}, [TAINTED], id="another effect"
        ),
        pytest.param("NoExecute", {"key": "k", "value": "v", "effect": ""}, FITS, id="no effect covers all"),
    ],
)
def test_taint_toleration(taint: str, toleration: dict[str, str] | None, reasons: list[str]) -> None:
    node = make_node("n", taints=[{"key": "k", "value": "v", "effect": taint}])
    pod = make_pod("p", tolerations=[toleration] if toleration else [])
    assert why(pod, node) == reasons


def test_the_first_taint_that_is_not_tolerated_is_named() -> None:
    taints = [{"key": key, "effect": "NoSchedule"} for key in ("a", "b", "c")]
    pod = make_pod("p", tolerations=[{"key": "a", "operator": "Exists"}])
    assert why(pod, make_node("n", taints=taints)) == ["1 node(s) had untolerated taint {b: }"]


@pytest.mark.parametrize(
    ("tolerations", "reasons"),
    [
        pytest.param([], ["1 node(s) were unschedulable"], id="cordoned, before taints"),
        pytest.param(
            [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}],
            ["1 node(s) had untolerated taint {k: }"],
            id="tolerated: then its taints count",
        ),
        pytest.param([{"operator": "Exists"}], FITS, id="everything tolerated"),
    ],
)
def test_node_unschedulable(tolerations: list[dict[str, str]], reasons: list[str]) -> None:
    node = make_node("n", unschedulable=True, taints=[{"key": "k", "effect": "NoSchedule"}])
    assert why(make_pod("p", tolerations=tolerations), node) == reasons


MISMATCH = ["1 node(s) didn't match Pod's node affinity/selector"]


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        pytest.param(expression("disk", "In", "ssd", "nvme"), True, id="In: one of the values"),
        pytest.param(expression("disk", "In", "hdd"), False, id="In: none of the values"),
        pytest.param(expression("absent", "In", "ssd"), False, id="In: needs the label"),
        pytest.param(expression("disk", "NotIn", "hdd"), True, id="NotIn: another value"),
        pytest.param(expression("disk", "NotIn", "ssd"), False, id="NotIn: this value"),
        pytest.param(expression("absent", "NotIn", "ssd"), True, id="NotIn: does not need the label"),
        pytest.param(expression("disk", "Exists"), True, id="Exists: has it"),
        pytest.param(expression("absent", "Exists"), False, id="Exists: has it not"),
        pytest.param(expression("disk", "DoesNotExist"), False, id="DoesNotExist: has it"),
        pytest.param(expression("absent", "DoesNotExist"), True, id="DoesNotExist: has it not"),
        pytest.param(expression("rank", "Gt", "6"), True, id="Gt: above"),
        pytest.param(expression("rank", "Gt", "7"), False, id="Gt: equal is not above"),
        pytest.param(expression("rank", "Lt", "8"), True, id="Lt: below"),
        pytest.param(expression("rank", "Lt", "7"), False, id="Lt: equal is not below"),
        pytest.param(expression("padded", "Gt", "6"), True, id="07 is 7"),
        pytest.param(expression("rank", "Gt", "-1"), False, id="a negative operand never matches"),
        pytest.param(expression("disk", "Gt", "1"), False, id="a label that is no number never matches"),
        pytest.param(expression("real", "Gt", "1"), False, id="3.5 is no whole number"),
        pytest.param(expression("empty", "Lt", "5"), False, id="an empty label is no number"),
        pytest.param(expression("absent", "Gt", "1"), False, id="Gt: needs the label"),
        pytest.param(expression("huge", "Gt", "1"), False, id="beyond int64 is no number"),
    ],
)
def test_node_affinity_operators(row: dict[str, Any], fits: bool) -> None:
    labels = {"disk": "ssd", "rank": "7", "padded": "07", "real": "3.5", "empty": "", "huge": "9" * 20}
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [row]}]}}}
    assert why(make_pod("p", affinity=affinity), make_node("n", labels=labels)) == ([] if fits else MISMATCH)


SSD = {"matchExpressions": [expression("disk", "In", "ssd")]}
HDD = {"matchExpressions": [expression("disk", "In", "hdd")]}
BOTH = {"matchExpressions": [expression("disk", "In", "ssd"), expression("disk", "In", "hdd")]}


@pytest.mark.parametrize(
    ("selector", "terms", "fits"),
    [
        pytest.param({}, [HDD, SSD], True, id="terms are alternatives"),
        pytest.param({}, [BOTH], False, id="expressions of a term all hold"),
        pytest.param({}, [{}], False, id="an empty term matches nothing"),
        pytest.param({}, [{}, SSD], True, id="an empty term does not hinder others"),
        pytest.param({"disk": "ssd"}, [SSD], True, id="selector and affinity both hold"),
        pytest.param({"disk": "hdd"}, [SSD], False, id="the selector is not enough broken"),
        pytest.param({"disk": "ssd"}, [HDD], False, id="the affinity is not enough broken"),
        pytest.param({"disk": "ssd", "absent": ""}, None, False, id="the selector needs every label"),
        pytest.param({"disk": "ssd"}, None, True, id="the selector alone"),
        pytest.param(
            {}, [{"matchFields": [expression("metadata.name", "In", "n")]}], True, id="a field names the node"
        ),
        pytest.param(
            {},
            [{"matchFields": [expression("metadata.name", "NotIn", "n")]}],
            False,
            id="a field excludes the node",
        ),
        pytest.param(
            {},
            [{"matchFields": [expression("metadata.name", "In", "n")], **HDD}],
            False,
            id="fields and expressions of a term all hold",
        ),
    ],
)
def test_node_affinity_terms(selector: dict[str, str], terms: list[Any] | None, fits: bool) -> None:
    affinity = {} if terms is None else {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}
    pod = make_pod("p", nodeSelector=selector, affinity=affinity)
    assert why(pod, make_node("n", labels={"disk": "ssd"})) == ([] if fits else MISMATCH)


def test_where_all_terms_name_nodes_only_these_are_counted() -> None:
    terms = [{"matchFields": [expression("metadata.name", "In", name)]} for name in ("b", "gone")]
    pod = make_pod(
        "p", affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}, requests={"cpu": "9"}
    )
    bench = Bench(*(make_node(name) for name in "abc"))
    (decision,) = decide(bench.cluster, [bench.pending(pod)], DEFAULT)
    assert isinstance(decision, Unschedulable)
    assert decision.message == "0/3 nodes are available: 1 Insufficient cpu."


def with_port(name: str, port: int, protocol: str = "TCP", ip: str = "", node: str = "") -> core.Pod:
    pod = make_pod(name, node=node)
    pod.spec.containers[0].ports.add(containerPort=80, hostPort=port, protocol=protocol, hostIP=ip)
    return pod


@pytest.mark.parametrize(
    ("taken", "wanted", "fits"),
    [
        pytest.param((80, "TCP", ""), (80, "TCP", ""), False, id="the same port"),
        pytest.param((80, "TCP", ""), (81, "TCP", ""), True, id="another port"),
        pytest.param((80, "TCP", ""), (80, "UDP", ""), True, id="another protocol"),
        pytest.param((80, "TCP", "10.0.0.1"), (80, "TCP", "10.0.0.2"), True, id="another address"),
        pytest.param((80, "TCP", "10.0.0.1"), (80, "TCP", "10.0.0.1"), False, id="the same address"),
        pytest.param((80, "TCP", ""), (80, "TCP", "10.0.0.1"), False, id="taken on all addresses"),
        pytest.param((80, "TCP", "10.0.0.1"), (80, "TCP", "0.0.0.0"), False, id="wanted on all addresses"),
        pytest.param((80, "", ""), (80, "TCP", ""), False, id="the protocol defaults to TCP"),
        pytest.param((80, "TCP", ""), (0, "TCP", ""), True, id="no host port"),
    ],
)
def test_node_ports(taken: tuple[int, str, str], wanted: tuple[int, str, str], fits: bool) -> None:
    reasons = why(with_port("p", *wanted), make_node("n"), running=[with_port("q", *taken, node="n")])
    assert reasons == ([] if fits else ["1 node(s) didn't have free ports for the requested pod ports"])


def test_a_port_is_free_again_when_its_last_holder_has_gone() -> None:
    bench = Bench(make_node("n"), pods=[with_port("q", 80, node="n"), with_port("r", 80, node="n")])
    pending = bench.pending(with_port("p", 80))
    for key, free in (("default/q", False), ("default/r", True)):
        bench.cluster.remove_pod(key)
        (decision,) = decide(bench.cluster, [pending], DEFAULT)
        assert isinstance(decision, Placed) is free


@pytest.mark.parametrize(
    ("requests", "reasons"),
    [
        pytest.param({"cpu": "2", "memory": "1Gi"}, FITS, id="exactly what is free"),
        pytest.param({"cpu": "2001m"}, ["1 Insufficient cpu"], id="one milli too much"),
        pytest.param(
            {"cpu": "3", "memory": "2Gi"}, ["1 Insufficient cpu", "1 Insufficient memory"], id="both"
        ),
        pytest.param({"example.com/gpu": "1"}, FITS, id="an extended resource"),
        pytest.param({"example.com/gpu": "2"}, ["1 Insufficient example.com/gpu"], id="too much of it"),
        pytest.param({"example.com/none": "1"}, ["1 Insufficient example.com/none"], id="no node has it"),
        pytest.param({"example.com/none": "0"}, FITS, id="zero of what no node has"),
        pytest.param({"cpu": "1999.5m"}, FITS, id="fractions of a milli are rounded up"),
    ],
)
def test_node_resources_fit(requests: dict[str, str], reasons: list[str]) -> None:
    node = make_node("n", cpu="4", memory="2Gi", more={"example.com/gpu": "1"})
    running = [make_pod("q", node="n", requests={"cpu": "2", "memory": "1Gi"})]
    assert why(make_pod("p", requests=requests), node, running=running) == reasons


def test_a_full_node_says_all_that_it_lacks() -> None:
    node = make_node("n", cpu="1", pods="1")
    running = [make_pod("q", node="n", requests={"cpu": "2"})]
    assert why(make_pod("p", requests={"cpu": "1"}), node, running=running) == [
        "1 Insufficient cpu",
        "1 Too many pods",
    ]
    assert why(make_pod("p"), node, running=running) == ["1 Too many pods"]  # asks for nothing that is over


def spread(skew: int = 1, key: str = ZONE, **more: Any) -> list[dict[str, Any]]:
    row = {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule"}
    return [row | {"labelSelector": {"matchLabels": {"app": "web"}}} | more]


SKEWED = "node(s) didn't match pod topology spread constraints"


@pytest.mark.parametrize(
    ("constraints", "pods_in_zones", "reasons"),
    [
        pytest.param(spread(), (1, 0), FITS, id="into the empty zone"),
        pytest.param(spread(), (1, 1), FITS, id="even zones"),
        pytest.param(
            spread(minDomains=3), (1, 1), [f"2 {SKEWED}"], id="fewer domains than minDomains count 0"
        ),
        pytest.param(spread(minDomains=2), (1, 1), FITS, id="enough domains"),
        pytest.param(spread(labelSelector=None), (5, 5), FITS, id="without a selector nothing counts"),
        pytest.param(spread(labelSelector={}), (5, 0), FITS, id="an empty selector counts no existing pod"),
        pytest.param(
            spread(key="rack"), (0, 0), [f"2 {SKEWED} (missing required label)"], id="nodes without the label"
        ),
    ],
)
def test_pod_topology_spread(
    constraints: list[dict[str, Any]], pods_in_zones: tuple[int, int], reasons: list[str]
) -> None:
    nodes = [make_node(f"n{index}", labels={ZONE: f"z{index}"}) for index in range(2)]
    running = [
        make_pod(f"q{zone}-{number}", labels={"app": "web"}, node=f"n{zone}")
        for zone, count in enumerate(pods_in_zones)
        for number in range(count)
    ]
    pod = make_pod("p", labels={"app": "web"}, topologySpreadConstraints=constraints)
    assert why(pod, *nodes, running=running) == reasons


def test_a_full_zone_keeps_pods_that_spread_out_of_the_others() -> None:
    nodes = [make_node("full", labels={ZONE: "a"}, pods="0"), make_node("open", labels={ZONE: "b"})]
    running = [make_pod("q", labels={"app": "web"}, node="open")]
    pod = make_pod("p", labels={"app": "web"}, topologySpreadConstraints=spread())
    assert why(pod, *nodes, running=running) == ["1 Too many pods", f"1 {SKEWED}"]


def term(key: str = ZONE, app: str = "web", **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def near(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"podAffinity": {REQUIRED: list(terms)}}


def far(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"podAntiAffinity": {REQUIRED: list(terms)}}


ALONE = ["1 node(s) didn't match pod affinity rules"]
CROWDED = ["1 node(s) didn't match pod anti-affinity rules"]
UNWANTED = ["1 node(s) didn't satisfy existing pods anti-affinity rules"]


@pytest.mark.parametrize(
    ("labels", "affinity", "running", "reasons"),
    [
        pytest.param({}, near(term()), {"app": "web"}, FITS, id="company in the zone"),
        pytest.param({}, near(term()), {"app": "db"}, ALONE, id="no company"),
        pytest.param({"app": "web"}, near(term()), {"app": "db"}, FITS, id="the first of its kind"),
        pytest.param(
            {"app": "web"}, near(term(), term(app="db")), {"app": "db"}, ALONE, id="must match all its terms"
        ),
        pytest.param({"app": "web"}, near(term(key="rack")), {"app": "web"}, ALONE, id="needs the label"),
        pytest.param({}, near(term(namespaces=["other"])), {"app": "web"}, ALONE, id="another namespace"),
        pytest.param({}, near(term(namespaceSelector={})), {"app": "web"}, FITS, id="any namespace"),
        pytest.param({}, far(term()), {"app": "web"}, CROWDED, id="unwanted company"),
        pytest.param({}, far(term()), {"app": "db"}, FITS, id="wanted to be apart from others only"),
        pytest.param({}, far(term(key="rack")), {"app": "web"}, FITS, id="no such domain, no conflict"),
        pytest.param({"app": "web"}, far(term()), {"app": "db"}, FITS, id="itself does not count"),
    ],
)
def test_inter_pod_affinity(
    labels: dict[str, str], affinity: dict[str, Any], running: dict[str, str], reasons: list[str]
) -> None:
    pod = make_pod("p", labels=labels, affinity=affinity)
    node = make_node("n", labels={ZONE: "z"})
    assert why(pod, node, running=[make_pod("q", node="n", labels=running)]) == reasons


@pytest.mark.parametrize(
    ("labels", "reasons"),
    [
        pytest.param({"app": "web"}, UNWANTED, id="an existing pod wants it away"),
        pytest.param({"app": "db"}, FITS, id="others are welcome"),
    ],
)
def test_anti_affinity_works_both_ways(labels: dict[str, str], reasons: list[str]) -> None:
    running = [make_pod("q", node="n", affinity=far(term()))]
    node = make_node("n", labels={ZONE: "z"})
    assert why(make_pod("p", labels=labels), node, running=running) == reasons


def test_pods_that_want_to_be_apart_get_a_node_each() -> None:
    bench = Bench(*(make_node(f"n{index}") for index in range(3)))
    apart = far(term(key="kubernetes.io/hostname"))
    pods = [make_pod(f"p{index}", labels={"app": "web"}, affinity=apart) for index in range(4)]
    decisions = decide(bench.cluster, [bench.pending(pod) for pod in pods], DEFAULT)
    nodes = [decision.node for decision in decisions if isinstance(decision, Placed)]
    assert sorted(nodes) == ["n0", "n1", "n2"]
    message = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
    assert [d.message for d in decisions if isinstance(d, Unschedulable)] == [message]


def test_each_node_counts_for_the_first_filter_that_refuses_it() -> None:
    nodes = [
        make_node("cordoned", unschedulable=True, cpu="1"),
        make_node("tainted", taints=[{"key": "k", "effect": "NoSchedule"}], cpu="1"),
        make_node("small", cpu="1"),
    ]
    assert why(make_pod("p", requests={"cpu": "2"}), *nodes) == [
        "1 Insufficient cpu",
        "1 node(s) had untolerated taint {k: }",
        "1 node(s) were unschedulable",
    ]
