"""Why pods wait, as sentences, and that each change that is suggested works when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed, Preemption
from control_plane.scheduler.nodes import NodeFacts
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.shaping import compile_shape
from control_plane.scheduler.why.advice import advise
from control_plane.scheduler.why.changes import Change, EditPod, PutNode, RaisePriority, RemovePod
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import (
    HOSTNAME,
    ZONE,
    Bench,
    key_of,
    make_node,
    make_pod,
)

GPU = "nvidia.com/gpu"
WEB = {"app": "web"}
MEANT = {"labelSelector": {"matchLabels": WEB}}


@dataclass(frozen=True)
class Case:
    """A pod that waits, what is said of the nearest nodes, and what is suggested, in order."""

    nodes: list[core.Node]
    pod: core.Pod
    lacks: list[str]
    suggestions: list[str]
    running: list[core.Pod] = field(default_factory=list)
    classes: Mapping[str, int] = field(default_factory=dict)


def affinity(kind: str, key: str = HOSTNAME) -> dict[str, Any]:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key, **MEANT}]}}


def spread(key: str = ZONE, **more: Any) -> list[dict[str, Any]]:
    row = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", **MEANT, **more}
    return [row]


def required(*expressions: dict[str, Any], **term: Any) -> dict[str, Any]:
    terms = [{"matchExpressions": list(expressions), **term}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def port(number: int) -> list[dict[str, Any]]:
    ports = [{"containerPort": 80, "hostPort": number}]
    return [{"name": "main", "image": "app:1", "ports": ports}]


def two_containers() -> list[dict[str, Any]]:
    return [
        {"name": "small", "image": "app:1", "resources": {"requests": {"cpu": "1"}}},
        {"name": "large", "image": "app:1", "resources": {"requests": {"cpu": "6"}}},
    ]


def init(cpu: str) -> list[dict[str, Any]]:
    return [{"name": "prepare", "image": "app:1", "resources": {"requests": {"cpu": cpu}}}]


IN_A, IN_B = {ZONE: "a"}, {ZONE: "b"}
TAINT = {"key": "team", "value": "data", "effect": "NoSchedule"}
CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}

CASES = {
    "more cpu than any node has": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "8"}),
        ["has 4 cpu in all, less than the pod's 8"],
        ["lower the cpu request of container main from 8 to 4"],
    ),
    "more cpu than is free": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "2500m"}),
        ["is 1500m cpu short: 1 of 4 is free"],
        [
            "lower the cpu request of container main from 2500m to 1",
            "evict pod default/r of priority 0 from n1",
            "add a node like n1",
        ],
        [make_pod("r", requests={"cpu": "3"}, node="n1")],
    ),
    "the largest container is lowered": Case(
        [make_node("n1")],
        make_pod("p", containers=two_containers()),
        ["has 4 cpu in all, less than the pod's 7"],
        ["lower the cpu request of container large from 6 to 3"],
    ),
    "the init container decides": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "1"}, initContainers=init("5")),
        ["has 4 cpu in all, less than the pod's 5"],
        ["lower the cpu request of container prepare from 5 to 4"],
    ),
    "more memory than is free": Case(
        [make_node("n1")],
        make_pod("p", requests={"memory": "3Gi"}),
        ["is 1Gi memory short: 2Gi of 8Gi is free"],
        [
            "lower the memory request of container main from 3Gi to 2Gi",
            "evict pod default/r of priority 0 from n1",
            "add a node like n1",
        ],
        [make_pod("r", requests={"memory": "6Gi"}, node="n1")],
    ),
    "ephemeral storage": Case(
        [make_node("n1", more={"ephemeral-storage": "10Gi"})],
        make_pod("p", requests={"ephemeral-storage": "20Gi"}),
        ["has 10Gi ephemeral-storage in all, less than the pod's 20Gi"],
        ["lower the ephemeral-storage request of container main from 20Gi to 10Gi"],
    ),
    "an extended resource that no node has": Case(
        [make_node("n1")],
        make_pod("p", requests={GPU: "1"}),
        [f"has no {GPU} at all (the pod requests 1)"],
        [f"drop the {GPU} request"],
    ),
    "an extended resource that is taken": Case(
        [make_node("n1", more={GPU: "2"})],
        make_pod("p", requests={GPU: "2"}),
        [f"is 1 {GPU} short: 1 of 2 is free"],
        [
            f"lower the {GPU} request of container main from 2 to 1",
            "evict pod default/r of priority 0 from n1",
            "add a node like n1",
        ],
        [make_pod("r", requests={GPU: "1"}, node="n1")],
    ),
    "no place for another pod": Case(
        [make_node("n1", pods="1")],
        make_pod("p"),
        ["runs as many pods as it may (1)"],
        ["evict pod default/r of priority 0 from n1", "add a node like n1"],
        [make_pod("r", node="n1")],
    ),
    "a cordoned node": Case(
        [make_node("n1", unschedulable=True)],
        make_pod("p"),
        ["is cordoned"],
        ["uncordon node n1", "add a node like n1"],
    ),
    "a taint": Case(
        [make_node("n1", taints=[TAINT])],
        make_pod("p"),
        ["has the taint team=data:NoSchedule, which the pod does not tolerate"],
        ["take the taint team=data:NoSchedule off node n1", "tolerate the taint team=data:NoSchedule"],
    ),
    "a node that is not ready": Case(
        [make_node("n1", taints=[NOT_READY])],
        make_pod("p"),
        ["has the taint node.kubernetes.io/not-ready:NoSchedule, which the pod does not tolerate"],
        ["add a node like n1"],
    ),
    "a label that no node has": Case(
        [make_node("n1")],
        make_pod("p", nodeSelector={"disk": "ssd"}),
        ["the pod wants the label disk=ssd; the node lacks it"],
        ["label node n1 disk=ssd", "drop disk=ssd from nodeSelector"],
    ),
    "another value of a label": Case(
        [make_node("n1", labels=IN_A)],
        make_pod("p", nodeSelector=IN_B),
        [f"the pod wants the label {ZONE}=b; the node has {ZONE}=a"],
        [f"drop {ZONE}=b from nodeSelector"],
    ),
    "required node affinity": Case(
        [make_node("n1", labels=IN_A)],
        make_pod(
            "p",
            affinity=required(
                {"key": ZONE, "operator": "In", "values": ["a"]}, {"key": "disk", "operator": "Exists"}
            ),
        ),
        [f"does not match the required node affinity: {ZONE}=a, disk"],
        [
            "drop disk from the required node affinity",
            f"drop the required node affinity ({ZONE}=a, disk)",
        ],
    ),
    "a node by name that there is not": Case(
        [make_node("n1")],
        make_pod(
            "p",
            affinity=required(matchFields=[{"key": "metadata.name", "operator": "In", "values": ["gone"]}]),
        ),
        [],
        ["drop the required node affinity (metadata.name=gone)"],
    ),
    "a host port that is taken": Case(
        [make_node("n1")],
        make_pod("p", containers=port(80)),
        ["host port 80/TCP is taken by default/r"],
        [
            "drop hostPort 80 of container main",
            "evict pod default/r of priority 0 from n1",
            "add a node like n1",
        ],
        [make_pod("r", containers=port(80), node="n1")],
    ),
    "no pod to be near": Case(
        [make_node("n1")],
        make_pod("p", affinity=affinity("podAffinity")),
        [f"no pod that matches app=web of default runs in {HOSTNAME} n1"],
        [f"make the required pod affinity to app=web of default per {HOSTNAME} a preferred one"],
    ),
    "a node without the label of the affinity": Case(
        [make_node("n1")],
        make_pod("p", affinity=affinity("podAffinity", ZONE)),
        [f"has no label {ZONE}, which the pod affinity needs"],
        [f"make the required pod affinity to app=web of default per {ZONE} a preferred one"],
    ),
    "a pod to keep away from": Case(
        [make_node("n1")],
        make_pod("p", affinity=affinity("podAntiAffinity")),
        [f"default/r, which the pod must not run beside, runs in {HOSTNAME} n1"],
        [
            f"make the required pod anti-affinity to app=web of default per {HOSTNAME} a preferred one",
            "evict pod default/r of priority 0 from n1",
            "add a node like n1",
        ],
        [make_pod("r", labels=WEB, node="n1")],
    ),
    "a pod that keeps others away": Case(
        [make_node("n1")],
        make_pod("p", labels=WEB),
        [f"default/r keeps pods like this one out of {HOSTNAME} n1"],
        ["evict pod default/r of priority 0 from n1", "add a node like n1"],
        [make_pod("r", affinity=affinity("podAntiAffinity"), node="n1")],
    ),
    "a skew that would grow too large": Case(
        [make_node("n1", labels=IN_A), make_node("n2", labels=IN_B, unschedulable=True)],
        make_pod("p", labels=WEB, topologySpreadConstraints=spread()),
        [
            f"{ZONE} a has 1 matching pod and another has 0; one more would break maxSkew 1",
            "is cordoned",
        ],
        [
            "uncordon node n2",
            f"raise maxSkew of the spread constraint over {ZONE} from 1 to 2",
            f"set whenUnsatisfiable of the spread constraint over {ZONE} to ScheduleAnyway",
            "evict pod default/r of priority 0 from n1",
            "add a node like n2",
        ],
        [make_pod("r", labels=WEB, node="n1")],
    ),
    "nodes without the label to spread over": Case(
        [make_node("n1")],
        make_pod("p", labels=WEB, topologySpreadConstraints=spread()),
        [f"has no label {ZONE}, over which the pod must spread"],
        [f"set whenUnsatisfiable of the spread constraint over {ZONE} to ScheduleAnyway"],
    ),
    "fewer domains than minDomains": Case(
        [make_node("n1", labels=IN_A)],
        make_pod("p", labels=WEB, topologySpreadConstraints=spread(minDomains=2)),
        [
            f"{ZONE} a has 1 matching pod and the fewest count as 0, for there are fewer domains (1) than "
            "minDomains (2); one more would break maxSkew 1"
        ],
        [
            f"lower minDomains of the spread constraint over {ZONE} from 2 to 1",
            f"raise maxSkew of the spread constraint over {ZONE} from 1 to 2",
            "evict pod default/r of priority 0 from n1",
        ],
        [make_pod("r", labels=WEB, node="n1")],
    ),
    "pods that are as important": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "4"}),
        ["is 4 cpu short: 0 of 4 is free"],
        [
            "drop the cpu request",
            "evict pod default/r of priority 0 from n1",
            "give the pod the priority class high (1000), so that it may preempt others",
            "add a node like n1",
        ],
        [make_pod("r", requests={"cpu": "4"}, node="n1")],
        {"high": 1000, "higher": 2000, "system-node-critical": 2_000_001_000},
    ),
    "a priority that lets nobody preempt": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "4"}, priority=900, preemptionPolicy="Never"),
        ["is 4 cpu short: 0 of 4 is free"],
        [
            "drop the cpu request",
            "evict pod default/r of priority 0 from n1",
            "give the pod the priority class also-900 (900), so that it may preempt others",
            "add a node like n1",
        ],
        [make_pod("r", requests={"cpu": "4"}, node="n1")],
        {"low": 10, "also-900": 900, "higher": 2000},
    ),
    "a cordon and its taint are one thing": Case(
        [make_node("n1", unschedulable=True, taints=[CORDONED])],
        make_pod("p"),
        ["is cordoned"],
        ["uncordon node n1", "add a node like n1"],
    ),
    "another of the same owner": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "4"}, owner="web"),
        ["is 4 cpu short: 0 of 4 is free"],
        ["drop the cpu request", "add a node like n1"],
        [make_pod("r", requests={"cpu": "4"}, node="n1", owner="web")],
    ),
    "one whose owner makes another that goes first": Case(
        [make_node("n1")],
        make_pod("p", requests={"cpu": "4"}),
        ["is 4 cpu short: 0 of 4 is free"],
        ["drop the cpu request", "add a node like n1"],
        [make_pod("r", requests={"cpu": "4"}, node="n1", owner="web", priority=5)],
    ),
    "several reasons at once": Case(
        [make_node("n1", taints=[TAINT]), make_node("n2", unschedulable=True, labels={"disk": "hdd"})],
        make_pod("p", nodeSelector={"disk": "ssd"}),
        [
            "has the taint team=data:NoSchedule, which the pod does not tolerate",
            "the pod wants the label disk=ssd; the node lacks it",
            "is cordoned",
            "the pod wants the label disk=ssd; the node has disk=hdd",
        ],
        [],
    ),
    "no nodes": Case([], make_pod("p"), [], []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_says_why_and_what_would_help(case: Case) -> None:
    bench = Bench(*case.nodes, pods=case.running)
    advice = advise(bench.cluster, case.pod, DEFAULT, (), case.classes)
    assert advice.refusal is not None
    assert [text for near in advice.nearest for text in near.lacks] == case.lacks
    said = [suggestion.proposal.text for suggestion in advice.suggestions]
    assert said == case.suggestions


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_suggested_change_works_when_it_is_made(case: Case) -> None:
    bench = Bench(*case.nodes, pods=case.running)
    for suggestion in advise(bench.cluster, case.pod, DEFAULT, (), case.classes).suggestions:
        cluster, pod = changed(case, suggestion.proposal.change)
        waiting = PendingPod(key_of(pod), pod.metadata.uid, compile_shape(pod))
        (decision,) = decide(cluster, [waiting], DEFAULT, budgets=())
        assert isinstance(decision, Placed | Preemption), suggestion.proposal.text
        assert isinstance(decision, Preemption) == isinstance(suggestion.proposal.change, RaisePriority)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_looking_for_changes_leaves_the_cluster_as_it_was(case: Case) -> None:
    bench = Bench(*case.nodes, pods=case.running)
    first = advise(bench.cluster, case.pod, DEFAULT, (), case.classes)
    second = advise(bench.cluster, case.pod, DEFAULT, (), case.classes)
    assert first.nearest == second.nearest
    assert texts(first.suggestions) == texts(second.suggestions)
    assert set(bench.cluster.pods) == {key_of(pod) for pod in case.running}
    assert set(bench.cluster.nodes.rows) == {node.metadata.name for node in case.nodes}


def test_a_pod_that_fits_now_has_no_reason() -> None:
    bench = Bench(make_node("n1"))
    assert advise(bench.cluster, make_pod("p"), DEFAULT).refusal is None


def test_nodes_that_lack_the_same_are_named_together() -> None:
    bench = Bench(*(make_node(f"n{number}") for number in range(3)), make_node("big", cpu="6"))
    (first, second) = advise(bench.cluster, make_pod("p", requests={"cpu": "8"}), DEFAULT).nearest
    assert (first.nodes, second.nodes) == (("big",), ("n0", "n1", "n2"))


def test_what_pods_that_end_still_have_is_told() -> None:
    bench = Bench(make_node("n1"))
    bench.place(make_pod("ends", requests={"cpu": "1500m"}, node="n1"), terminating=True)
    bench.place(make_pod("stays", requests={"cpu": "1"}, node="n1"))
    (near,) = advise(bench.cluster, make_pod("p", requests={"cpu": "2"}), DEFAULT).nearest
    assert near.lacks == (
        "is 500m cpu short: 1500m of 4 is free, and 1500m more when the pods that end have gone",
    )


def texts(suggestions: Any) -> list[str]:
    return [suggestion.proposal.text for suggestion in suggestions]


def changed(case: Case, change: Change) -> tuple[Cluster, core.Pod]:
    """The case with the change made in its objects, built afresh."""
    running = [
        pod for pod in case.running if not (isinstance(change, RemovePod) and key_of(pod) == change.key)
    ]
    bench = Bench(*case.nodes)
    if isinstance(change, PutNode):
        bench.cluster.put_node(facts_of(change))
    for pod in running:
        placed = PlacedPod(key_of(pod), pod.metadata.uid, bench.shapes.of(pod), pod.spec.nodeName)
        bench.cluster.put_pod(placed)
    return bench.cluster, change.pod if isinstance(change, EditPod | RaisePriority) else case.pod


def facts_of(change: PutNode) -> NodeFacts:
    return change.node
