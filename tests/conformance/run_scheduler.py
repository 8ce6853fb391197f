"""Compares decisions with those recorded from real kube-schedulers (1.30, 1.20); `-v` lists all differences.

Prints, per file, how many records agree on the exact feasible set, the chosen node (one of the recorded
ties), every plugin's scores, the reason counts, and the nominated node with its victims. Differences that are
wanted stand in WANTED with their reason. Ends with 1 when a share is below its target.
"""

import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

HERE = Path(__file__).parent
DECISIONS = ("kube-scheduler-1.30-decisions", "kube-scheduler-1.30-newer-fields")
PREEMPTIONS = ("kube-scheduler-1.30-preemption", "kube-scheduler-1.20-preemption")
TARGETS = {"feasible": 0.995, "chosen": 0.99, "scores": 0.99, "reasons": 0.99, "preemption": 0.97}
NAMESPACES = {
    "ns-a": {"team": "a", "env": "prod"},
    "ns-b": {"team": "b", "env": "prod"},
    "ns-c": {"team": "c"},
}
WANTED = {
    "schedulerError": "kube-scheduler fails the attempt when a preferred node term compares with a negative "
    "number; here such a term matches no node, and the pod is placed",
    "wording": "1.20 words its reasons differently, and says more about preemption that was of no use",
}


@dataclass
class Tally:
    """Agreement per aspect, with what disagreed."""

    agree: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)
    wanted: Counter[str] = field(default_factory=Counter)

    def add(self, aspect: str, record: str, ours: object, recorded: object) -> None:
        """Compare one aspect of one record."""
        self.all[aspect] += 1
        if ours == recorded:
            self.agree[aspect] += 1
        else:
            self.different.append(f"{record} {aspect}: ours {ours}, recorded {recorded}")


def records(name: str) -> Iterator[dict[str, Any]]:
    """The records of a file."""
    with gzip.open(HERE / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def build(record: dict[str, Any]) -> tuple[Cluster, PendingPod]:
    """The cluster of a record, and the pod that waits."""
    cluster, shapes = Cluster(), Shapes()
    for name, labels in NAMESPACES.items():
        cluster.put_namespace(name, labels)
    for node in record["nodes"]:
        cluster.put_node(node_facts(from_dict(node, core.Node)))
    for number, existing in enumerate(record["existing"]):
        pod = from_dict(existing, core.Pod)
        if pod.status.phase in ("Succeeded", "Failed"):
            continue
        key = f"{pod.metadata.namespace}/{pod.metadata.name}"
        terminating = pod.metadata.HasField("deletionTimestamp")
        started = float(pod.status.startTime.seconds)
        cluster.put_pod(PlacedPod(key, str(number), shapes.of(pod), pod.spec.nodeName, terminating, started))
    pending = from_dict(record["pending"], core.Pod)
    key = f"{pending.metadata.namespace}/{pending.metadata.name}"
    return cluster, PendingPod(key, "pending", shapes.of(pending))


def compare_decision(record: dict[str, Any], tally: Tally) -> None:
    """Filters, scores, choice and reasons of one record."""
    cluster, pod = build(record)
    outcome, name = record["outcome"], f"{record['id']} {record['family']}"
    if "schedulerError" in outcome:
        tally.wanted["schedulerError"] += 1
        return
    view = look(cluster, pod.shape)
    mask = feasible(view, DEFAULT)
    names = {view.nodes.names[row]: row for row in np.flatnonzero(mask).tolist()}
    tally.add("feasible", name, sorted(names), sorted(outcome.get("feasible", [])))
    if "pluginScores" in outcome and sorted(names) == sorted(outcome["feasible"]):
        ours = plugin_scores(view, DEFAULT, mask)
        for plugin, recorded in outcome["pluginScores"].items():
            vector = ours.get(plugin, np.zeros(view.size))
            found = {node: int(vector[row]) for node, row in names.items()}
            tally.add(f"scores {plugin}", name, found, recorded)
    (decision,) = decide(cluster, [pod], DEFAULT)
    if isinstance(decision, Unschedulable):
        tally.add("reasons", name, decision.counts, outcome.get("reasons", {}))
        tally.add("messages", name, decision.message, outcome.get("unschedulable"))
    elif isinstance(decision, Placed) and "ties" in outcome:
        tally.add("chosen", name, decision.node in outcome["ties"], True)


def compare_preemption(record: dict[str, Any], tally: Tally) -> None:
    """Nominated node and victims; where the three recorded runs differ, any of them will do."""
    cluster, pod = build(record)
    (decision,) = decide(cluster, [pod], DEFAULT)
    name = f"{record['id']} {record['mode']}"
    if isinstance(decision, Placed):
        bound = sorted({run["bound"] for run in record["runs"] if "bound" in run})
        tally.add("fits without", name, bool(bound), True)
        return
    assert isinstance(decision, Unschedulable)
    budgets = [budget_of(pdb) for pdb in record["pdbs"]]
    found = preempt(cluster, decision, DEFAULT, budgets)
    ours: tuple[str | None, list[str]] = (None, [])
    if found is not None:
        victims = [victim.key for victim in found.victims if not victim.terminating]
        ours = (found.node, sorted(victims))
    recorded = [(run.get("nominated"), sorted(run.get("victims", []))) for run in record["runs"]]
    tally.add("preemption", name, ours if ours not in recorded else recorded[0], recorded[0])
    tally.wanted["wording"] += 1


def budget_of(pdb: dict[str, Any]) -> Budget:
    """The budget that a recorded PodDisruptionBudget stands for."""
    selector = from_dict(pdb["spec"].get("selector") or {}, meta.LabelSelector)
    allowed = pdb["status"]["disruptionsAllowed"]
    return Budget(pdb["metadata"]["namespace"], compile_selector(selector), allowed)


def run(name: str, compare: Callable[[dict[str, Any], Tally], None], verbose: bool) -> bool:
    """Compare a file and print its table; whether all targets are met."""
    tally, met = Tally(), True
    for record in records(name):
        compare(record, tally)
    print(f"\n{name}")
    for aspect, number in sorted(tally.all.items()):
        share = tally.agree[aspect] / number
        low = share < TARGETS.get(aspect.split()[0], 0.0)
        met &= not low
        note = "  BELOW TARGET" if low else ""
        print(f"  {aspect:44} {tally.agree[aspect]:5} / {number:5}  {share:8.2%}{note}")
    for difference, number in tally.wanted.items():
        print(f"  not compared: {number} {difference}: {WANTED[difference]}")
    for line in tally.different if verbose else tally.different[:5]:
        print(f"    {line}")
    return met


def main() -> int:
    """Run all files."""
    verbose = "-v" in sys.argv[1:]
    met = [run(name, compare_decision, verbose) for name in DECISIONS]
    met += [run(name, compare_preemption, verbose) for name in PREEMPTIONS]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
