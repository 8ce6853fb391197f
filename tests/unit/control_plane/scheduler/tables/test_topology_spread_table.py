"""PodTopologySpread as documented: how uneven pods may be over zones and hosts, and what is better.

Source: kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints.
"""

from typing import Any

import pytest

from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import HOSTNAME, ZONE, make_node, make_pod
from tests.unit.control_plane.scheduler.tables.asking import REQUIRED, bench, fitting, why, worth

Row = dict[str, Any]
FOO = {"matchLabels": {"foo": "bar"}}


def hard(key: str = ZONE, skew: int = 1, **more: Any) -> Row:
    row = {"topologyKey": key, "maxSkew": skew, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": FOO}
    return row | more


def soft(key: str = ZONE, skew: int = 1, **more: Any) -> Row:
    return hard(key, skew, whenUnsatisfiable="ScheduleAnyway", **more)


def nodes(**more: Any) -> list[core.Node]:
    """The documentation's: node1 and node2 in zoneA, node3 and node4 in zoneB."""
    return [
        make_node(f"node{number}", labels={ZONE: f"zone{'AABB'[number - 1]}"}, **more)
        for number in (1, 2, 3, 4)
    ]


def running(*counts: int, labels: dict[str, str] | None = None, **more: Any) -> list[core.Pod]:
    """So many pods on node1, node2, …"""
    return [
        make_pod(f"q{node}-{number}", node=f"node{node}", labels=labels or {"foo": "bar"}, **more)
        for node, count in enumerate(counts, 1)
        for number in range(count)
    ]


def mypod(*constraints: Row, labels: dict[str, str] | None = None, **more: Any) -> core.Pod:
    return make_pod(
        "mypod", labels=labels or {"foo": "bar"}, topologySpreadConstraints=list(constraints), **more
    )


ALL = ["node1", "node2", "node3", "node4"]
A, B = ALL[:2], ALL[2:]
DOCUMENTED: dict[str, tuple[core.Pod, list[core.Pod], list[str]]] = {
    "one constraint: into the emptier zone": (mypod(hard()), running(1, 1, 1), B),
    "one constraint with maxSkew 2: into any": (mypod(hard(skew=2)), running(1, 1, 1), ALL),
    "two constraints: the emptier zone's empty node": (
        mypod(hard(), hard(HOSTNAME)),
        running(1, 1, 1),
        ["node4"],
    ),
    "the zone is even, the host decides": (mypod(hard(), hard(HOSTNAME)), running(2, 1, 2, 0), ["node4"]),
    "the first pod goes anywhere": (mypod(hard()), [], ALL),
    "even zones: anywhere": (mypod(hard()), running(1, 0, 1), ALL),
    "a skew of 2 is too much": (mypod(hard()), running(2, 0, 1), B),
    "over hosts: the empty ones": (mypod(hard(HOSTNAME)), running(1, 0, 1), ["node2", "node4"]),
    "over hosts with skew 2": (mypod(hard(HOSTNAME, 2)), running(2, 1, 1, 0), ["node2", "node3", "node4"]),
    "pods with other labels do not count": (mypod(hard()), running(3, 0, labels={"foo": "baz"}), ALL),
    "pods of other namespaces do not count": (mypod(hard()), running(3, 0, namespace="other"), ALL),
    "a pod that does not match its own selector adds nothing": (
        mypod(hard(), labels={"foo": "no"}),
        running(1, 0),
        ALL,
    ),
    "nor does it repair what is uneven": (mypod(hard(), labels={"foo": "no"}), running(2, 0), B),
    "an empty selector counts nothing": (mypod(hard(labelSelector={})), running(5), ALL),
    "no selector counts nothing": (mypod(hard(labelSelector=None)), running(5), ALL),
    "expressions in the selector": (
        mypod(hard(labelSelector={"matchExpressions": [{"key": "foo", "operator": "Exists"}]})),
        running(1, 0),
        B,
    ),
    "nodes without the label take nothing": (mypod(hard("rack")), [], []),
    "soft constraints keep nothing out": (mypod(soft()), running(5), ALL),
    "soft and hard": (mypod(soft(), hard(HOSTNAME)), running(1, 0, 1), ["node2", "node4"]),
}


@pytest.mark.parametrize(("pod", "there", "expected"), DOCUMENTED.values(), ids=DOCUMENTED)
def test_documented(pod: core.Pod, there: list[core.Pod], expected: list[str]) -> None:
    assert fitting(bench(*nodes(), running=there), pod) == expected


def test_the_documentations_conflict() -> None:
    """Pods 2 in zoneA and 3 in zoneB: the zone wants node1 or node2, the host wants neither."""
    there = running(2, 1, 2, 1)
    assert fitting(bench(*nodes(), running=there), mypod(hard(), hard(HOSTNAME))) == ["node2", "node4"]
    uneven = [*running(1, 1), make_pod("x", node="node3", labels={"foo": "bar"})]
    five = [make_node("node5", labels={ZONE: "zoneC"})]
    found = bench(*nodes()[:3], *five, running=uneven)
    assert fitting(found, mypod(hard(), hard(HOSTNAME))) == ["node5"]


DOMAINS: dict[str, tuple[Row, list[core.Pod], list[str]]] = {
    "as many domains as minDomains": (hard(minDomains=2), running(1, 0, 1), ALL),
    "fewer domains: the least counts as 0": (hard(minDomains=3), running(1, 0, 1), []),
    "fewer domains, but within the skew": (hard(minDomains=3, skew=2), running(1, 0, 1), ALL),
    "fewer domains, one empty": (hard(minDomains=5), running(1), B),
    "one domain is the default": (hard(minDomains=1), running(1, 0, 1), ALL),
    "hosts as domains": (hard(HOSTNAME, minDomains=5), running(1, 1, 1, 1), []),
    "hosts as domains, an empty one": (hard(HOSTNAME, minDomains=5), running(1, 1, 1), ["node4"]),
}


@pytest.mark.parametrize(("constraint", "there", "expected"), DOMAINS.values(), ids=DOMAINS)
def test_min_domains(constraint: Row, there: list[core.Pod], expected: list[str]) -> None:
    assert fitting(bench(*nodes(), running=there), mypod(constraint)) == expected


IN_A = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [
    {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["zoneA"]}]}]}}}  # fmt: skip
POLICIES: dict[str, tuple[Row, dict[str, Any], list[core.Pod], list[str]]] = {
    # constraint, what else the pod asks for, what runs -> nodes
    "nodeAffinityPolicy Honor is the default": (hard(), {"affinity": IN_A}, running(3), A),
    "nodeAffinityPolicy Honor": (hard(nodeAffinityPolicy="Honor"), {"affinity": IN_A}, running(3), A),
    "nodeAffinityPolicy Ignore: other zones count": (
        hard(nodeAffinityPolicy="Ignore"),
        {"affinity": IN_A},
        running(3),
        [],
    ),
    "Honor looks at the nodeSelector too": (hard(), {"nodeSelector": {ZONE: "zoneA"}}, running(3), A),
    "Ignore ignores the nodeSelector too": (
        hard(nodeAffinityPolicy="Ignore"),
        {"nodeSelector": {ZONE: "zoneA"}},
        running(3),
        [],
    ),
}


@pytest.mark.parametrize(("constraint", "asks", "there", "expected"), POLICIES.values(), ids=POLICIES)
def test_node_affinity_policy(
    constraint: Row, asks: dict[str, Any], there: list[core.Pod], expected: list[str]
) -> None:
    assert fitting(bench(*nodes(), running=there), mypod(constraint, **asks)) == expected


TAINT = [{"key": "k", "effect": "NoSchedule"}]
TOLERATES = [{"key": "k", "operator": "Exists"}]
TAINTS: dict[str, tuple[Row, list[dict[str, str]], list[str]]] = {
    # zoneB is tainted and empty, zoneA has one pod
    "nodeTaintsPolicy Ignore is the default": (hard(), [], []),
    "nodeTaintsPolicy Ignore": (hard(nodeTaintsPolicy="Ignore"), [], []),
    "nodeTaintsPolicy Honor: tainted nodes do not count": (hard(nodeTaintsPolicy="Honor"), [], A),
    "Honor: tolerated taints count": (hard(nodeTaintsPolicy="Honor"), TOLERATES, B),
    "Ignore: tolerated taints": (hard(), TOLERATES, B),
}


@pytest.mark.parametrize(("constraint", "tolerations", "expected"), TAINTS.values(), ids=TAINTS)
def test_node_taints_policy(constraint: Row, tolerations: list[dict[str, str]], expected: list[str]) -> None:
    found = bench(*nodes()[:2], *nodes(taints=TAINT)[2:], running=running(1))
    assert fitting(found, mypod(constraint, tolerations=tolerations)) == expected


KEYS: dict[str, tuple[list[str], dict[str, str], list[str]]] = {
    # version 1 has two pods in zoneA, version 2 two in zoneB
    "only its own version counts": (["version"], {"version": "1"}, B),
    "the other version": (["version"], {"version": "2"}, A),
    "a new version": (["version"], {"version": "3"}, ALL),
    "without keys all count": ([], {"version": "1"}, ALL),
    "a key that it has not is left out": (["absent"], {"version": "1"}, ALL),
    "several keys are all needed": (["version", "foo"], {"version": "1"}, B),
}


@pytest.mark.parametrize(("keys", "labels", "expected"), KEYS.values(), ids=KEYS)
def test_match_label_keys(keys: list[str], labels: dict[str, str], expected: list[str]) -> None:
    one = running(1, 1, labels={"foo": "bar", "version": "1"})
    two = [make_pod(f"r{node}", node=f"node{node}", labels={"foo": "bar", "version": "2"}) for node in (3, 4)]
    pod = mypod(hard(matchLabelKeys=keys), labels={"foo": "bar", **labels})
    assert fitting(bench(*nodes(), running=one + two), pod) == expected


def test_nodes_without_all_keys_do_not_count() -> None:
    bare = make_node("bare", labels={ZONE: "zoneC"})
    del bare.metadata.labels[HOSTNAME]
    found = bench(*nodes(), bare, running=running(1, 1, 1, 1))
    assert why(found, mypod(hard(), hard(HOSTNAME), requests={"cpu": "9"})) == [
        "5 Insufficient cpu",
    ]
    assert fitting(found, mypod(hard(), hard(HOSTNAME))) == ALL


def test_pods_that_are_told_to_stop_do_not_count() -> None:
    found = bench(*nodes())
    for pod in running(2):
        found.place(pod, terminating=True)
    assert fitting(found, mypod(hard())) == ALL


def test_reasons() -> None:
    bare = make_node("bare")
    found = bench(*nodes(), bare, running=running(1, 1))
    assert why(found, mypod(hard(minDomains=3))) == []
    assert why(found, mypod(hard(minDomains=3), nodeSelector={ZONE: "zoneA"})) == [
        "2 node(s) didn't match pod topology spread constraints",
        "3 node(s) didn't match Pod's node affinity/selector",
    ]
    assert why(bench(bare), mypod(hard())) == [
        "1 node(s) didn't match pod topology spread constraints (missing required label)"
    ]


# Soft constraints, what runs -> scores of node1 to node4 (times the weight 2 of the plugin).
PREFERRED: dict[str, tuple[list[Row], list[core.Pod], tuple[int, ...]]] = {
    "nothing runs": ([soft()], [], (200, 200, 200, 200)),
    "the emptier zone": ([soft()], running(1), (0, 0, 200, 200)),
    "even zones": ([soft()], running(1, 0, 1), (200, 200, 200, 200)),
    "the emptier host": ([soft(HOSTNAME)], running(1, 0, 1, 0), (0, 200, 0, 200)),
    "in steps": ([soft(HOSTNAME)], running(2, 1, 0, 0), (0, 100, 200, 200)),
    "pods with other labels do not count": ([soft()], running(3, labels={"foo": "x"}), (200, 200, 200, 200)),
    "with a larger skew it matters less": ([soft(skew=5)], running(1), (160, 160, 200, 200)),
}


@pytest.mark.parametrize(("constraints", "there", "scores"), PREFERRED.values(), ids=PREFERRED)
def test_soft_constraints(constraints: list[Row], there: list[core.Pod], scores: tuple[int, ...]) -> None:
    got = worth("PodTopologySpread", bench(*nodes(), running=there), mypod(*constraints))
    assert tuple(got[name] for name in ALL) == scores


def test_nodes_without_the_key_are_worth_nothing() -> None:
    found = bench(*nodes(), make_node("bare"), running=running(1))
    got = worth("PodTopologySpread", found, mypod(soft()))
    assert got["bare"] == 0
    assert got["node3"] == 200
