"""Plays the kube-scheduler files: decisions and preemption, by the scheduler's own functions.

A record agrees when every respect in which it can be compared does: the exact feasible set, the chosen node
(any of the recorded ties), every plugin's scores, the message and its counts; of a preemption the nominated
node with its victims, as in any of the recorded runs, or that it fitted without (scores were not recorded
there).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Placed, Unschedulable
from control_plane.scheduler.evaluate import feasible, look, plugin_scores
from control_plane.scheduler.nodes import node_facts
from control_plane.scheduler.preemption import Budget, preempt
from control_plane.scheduler.profiles import DEFAULT
from control_plane.scheduler.selectors import compile_selector
from control_plane.scheduler.shaping import Shapes
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.conformance.cases import Case, Difference, differing, failure
from tests.conformance.recording import Record

NAMESPACES: Final = {
    "ns-a": {"team": "a", "env": "prod"},
    "ns-b": {"team": "b", "env": "prod"},
    "ns-c": {"team": "c"},
}
FINISHED: Final = ("Succeeded", "Failed")  # the recorded schedulers did not see such pods


def play_decisions(records: Iterable[Record]) -> Iterator[Case]:
    """Every record with how our decision differs."""
    for record in records:
        yield _judged(Case(record["id"], record["family"], record), _decision)


def play_preemption(records: Iterable[Record]) -> Iterator[Case]:
    """Every record with how our preemption differs."""
    for record in records:
        yield _judged(Case(record["id"], f"preemption {record['mode']}", record), _preemption)


Compared = tuple[str, Sequence[Difference]]  # an aspect, and how it differs


def _judged(case: Case, compare: Callable[[Record], Iterator[Compared]]) -> Case:
    try:
        for aspect, found in compare(case.record):
            case.aspects[aspect] = case.aspects.get(aspect, True) and not found
            case.differences += found
    except Exception as error:
        case.differences.append(failure(error))
    return case


def _decision(record: Record) -> Iterator[Compared]:
    cluster, pod = build(record)
    outcome = record["outcome"]
    if "schedulerError" in outcome:
        (decision,) = decide(cluster, [pod], DEFAULT)
        ours = "placed" if isinstance(decision, Placed) else "unschedulable"
        yield "error", list(differing("error", ours, outcome["schedulerError"]))
        return
    view = look(cluster, pod.shape)
    mask = feasible(view, DEFAULT)
    names = {view.nodes.names[row]: row for row in np.flatnonzero(mask).tolist()}
    recorded = sorted(outcome.get("feasible", []))
    yield "feasible", list(differing("feasible", sorted(names), recorded))
    if "pluginScores" in outcome and sorted(names) == recorded:
        ours_by_plugin = plugin_scores(view, DEFAULT, mask)
        for plugin, scores in outcome["pluginScores"].items():
            vector = ours_by_plugin.get(plugin, np.zeros(view.size))
            found = {node: int(vector[row]) for node, row in names.items()}
            yield "scores", list(differing("scores", found, scores, plugin))
    (decision,) = decide(cluster, [pod], DEFAULT)
    if isinstance(decision, Unschedulable):
        yield "reasons", list(differing("reasons", decision.counts, outcome.get("reasons", {})))
        yield "message", list(differing("message", decision.message, outcome.get("unschedulable")))
    elif isinstance(decision, Placed):
        ties = outcome.get("ties", [])
        wrong = () if decision.node in ties else (Difference("chosen", "", decision.node, ties),)
        yield "chosen", wrong


def _preemption(record: Record) -> Iterator[Compared]:
    cluster, pod = build(record)
    (decision,) = decide(cluster, [pod], DEFAULT)
    if isinstance(decision, Placed):
        fitted = any("bound" in run for run in record["runs"])
        yield "fits without", list(differing("fits without", True, fitted))
        return
    assert isinstance(decision, Unschedulable)
    budgets = [_budget(pdb) for pdb in record["pdbs"]]
    found = preempt(cluster, decision, DEFAULT, budgets)
    ours: tuple[str | None, list[str]] = (None, [])
    if found is not None:
        victims = [victim.key for victim in found.victims if not victim.terminating]
        ours = (found.node, sorted(victims))
    runs = [(run.get("nominated"), sorted(run.get("victims", []))) for run in record["runs"]]
    yield "preemption", () if ours in runs else (Difference("preemption", "", ours, runs[0]),)


def build(record: Record) -> tuple[Cluster, PendingPod]:
    """The cluster of a record, and the pod that waits."""
    cluster, shapes = Cluster(), Shapes()
    for name, labels in NAMESPACES.items():
        cluster.put_namespace(name, labels)
    for node in record["nodes"]:
        cluster.put_node(node_facts(from_dict(node, core.Node)))
    for number, existing in enumerate(record["existing"]):
        pod = from_dict(existing, core.Pod)
        if pod.status.phase not in FINISHED:
            terminating = pod.metadata.HasField("deletionTimestamp")
            started = float(pod.status.startTime.seconds)
            placed = PlacedPod(
                _key(pod), str(number), shapes.of(pod), pod.spec.nodeName, terminating, started
            )
            cluster.put_pod(placed)
    pending = from_dict(record["pending"], core.Pod)
    return cluster, PendingPod(_key(pending), "pending", shapes.of(pending))


def _key(pod: core.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _budget(pdb: dict[str, Any]) -> Budget:
    """The budget that a recorded PodDisruptionBudget stands for."""
    selector = from_dict(pdb["spec"].get("selector") or {}, meta.LabelSelector)
    allowed = pdb["status"]["disruptionsAllowed"]
    return Budget(pdb["metadata"]["namespace"], compile_selector(selector), allowed)
