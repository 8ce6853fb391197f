"""The hint in a pod's condition: short, right, and the same while only other pods come and go."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from control_plane.scheduler.evaluate import explain
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.why.hint import hint
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod
from tests.unit.control_plane.scheduler.random_clusters import Generator

TAINT = {"key": "team", "value": "data", "effect": "NoSchedule"}
SOFT = {"key": "slow", "effect": "PreferNoSchedule"}
LARGE = {"cpu": "8"}


@dataclass(frozen=True)
class Case:
    nodes: list[core.Node]
    pod: core.Pod
    said: str
    running: list[core.Pod] = field(default_factory=list)


def affinity(key: str, value: str) -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


CASES = {
    "no nodes": Case([], make_pod("p"), ""),
    "more than any node has": Case(
        [make_node("n1"), make_node("n2", cpu="2")],
        make_pod("p", requests=LARGE),
        "The pod requests 8 cpu, and no node has more than 4 in all.",
    ),
    "memory in Gi": Case(
        [make_node("n1")],
        make_pod("p", requests={"memory": "10Gi"}),
        "The pod requests 10Gi memory, and no node has more than 8Gi in all.",
    ),
    "a resource that no node has": Case(
        [make_node("n1")],
        make_pod("p", requests={"nvidia.com/gpu": "1"}),
        "No node has any nvidia.com/gpu.",
    ),
    "a label that no node has": Case(
        [make_node("n1", labels={"disk": "hdd"})],
        make_pod("p", nodeSelector={"disk": "ssd"}),
        "No node has the label disk=ssd.",
    ),
    "an affinity that no node matches": Case(
        [make_node("n1")],
        make_pod("p", affinity=affinity("disk", "ssd")),
        "No node matches the required node affinity: disk=ssd.",
    ),
    "cordoned": Case(
        [make_node("n1", unschedulable=True), make_node("n2", unschedulable=True)],
        make_pod("p"),
        "Cordoned, though it could do: n1, n2.",
    ),
    "tainted": Case(
        [make_node("n1", taints=[TAINT, SOFT])],
        make_pod("p"),
        "Nodes that could do have taints it does not tolerate: team=data:NoSchedule.",
    ),
    "cordoned, and the others have not the label": Case(
        [make_node("n1", unschedulable=True, labels={"disk": "ssd"}), make_node("n2")],
        make_pod("p", nodeSelector={"disk": "ssd"}),
        "Cordoned, though it could do: n1.",
    ),
    "cordoned, and the others are too small": Case(
        [make_node("n1", cpu="8", unschedulable=True), make_node("n2")],
        make_pod("p", requests={"cpu": "6"}),
        "Cordoned, though it could do: n1.",
    ),
    "full": Case(
        [make_node("n1"), make_node("n2", cpu="1")],
        make_pod("p", requests={"cpu": "2"}),
        "1 node could take it if it had room.",
        [make_pod("other", node="n1", requests={"cpu": "3"})],
    ),
    "full of pods": Case(
        [make_node("n1", pods="1"), make_node("n2", pods="1")],
        make_pod("p"),
        "2 nodes could take it if they had room.",
        [make_pod("a", node="n1"), make_pod("b", node="n2")],
    ),
    "other pods are in the way, but not for room": Case(
        [make_node("n1")],
        make_pod(
            "p",
            affinity={
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"app": "web"}},
                        }
                    ]
                }
            },
        ),
        "",
        [make_pod("web", node="n1", labels={"app": "web"})],
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_the_condition_says(case: Case) -> None:
    bench = Bench(*case.nodes, pods=case.running)
    refusal = explain(bench.cluster, bench.pending(case.pod), DEFAULT)
    assert hint(bench.cluster, refusal, DEFAULT) == case.said


@pytest.mark.parametrize("seed", range(60))
def test_the_same_is_said_while_only_amounts_of_others_change(seed: int) -> None:
    """Of two moments at which a pod is refused for the same reasons, with other pods there."""
    generator = Generator(seed)
    bench = Bench(*(generator.node() for _ in range(6)))
    waiting = [bench.pending(generator.pod()) for _ in range(8)]
    said: dict[tuple[str, frozenset[str]], str] = {}
    for _ in range(12):
        for pod in waiting:
            refusal = explain(bench.cluster, pod, DEFAULT)
            key = (pod.key, frozenset(refusal.counts))
            assert said.setdefault(key, hint(bench.cluster, refusal, DEFAULT)) == hint(
                bench.cluster, refusal, DEFAULT
            )
        other = generator.pod()
        other.spec.nodeName = generator.random.choice(bench.cluster.nodes.names)
        bench.place(other)
