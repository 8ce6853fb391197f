"""The first sentence about a pod that fits nowhere."""

from dataclasses import replace

import pytest

from control_plane.scheduler.evaluate import explain
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.why.hint import hint
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod

TAINT = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}


def named(node: str) -> core.Pod:
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    required = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": fields}]}
    }
    return make_pod("p", affinity={"nodeAffinity": required})


CASES = {
    "no nodes": ([], make_pod("p"), "no nodes available to schedule pods"),
    "it names a node that is not there": (
        [make_node("n1"), make_node("n2")],
        named("n9"),
        "0/2 nodes are available: No node matches the required node affinity: metadata.name=n9.",
    ),
    "it names a node that does not take it": (
        [make_node("n1", taints=[TAINT]), make_node("n2")],
        named("n1"),
        "0/2 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}.",
    ),
    "a claim that is missing is missing everywhere, whatever else a node lacks": (
        [make_node("n1", taints=[TAINT]), make_node("n2", cpu="1")],
        make_pod(
            "p",
            requests={"cpu": "2"},
            volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        ),
        '0/2 nodes are available: 2 persistentvolumeclaim "data" not found.',
    ),
}


@pytest.mark.parametrize(("nodes", "pod", "said"), CASES.values(), ids=CASES.keys())
def test_what_is_said_first(nodes: list[core.Node], pod: core.Pod, said: str) -> None:
    bench = Bench(*nodes)
    refusal = explain(bench.cluster, bench.pending(pod), DEFAULT)
    if not refusal.refused:  # no node was looked at: the hint ends the sentence
        refusal = replace(refusal, hint=hint(bench.cluster, refusal, DEFAULT))
    assert refusal.told == said
