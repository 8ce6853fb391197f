"""Tolerate a taint, or take it off the node. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.filters.node_unschedulable import CORDON
from control_plane.scheduler.nodes import NodeFacts, Taint
from control_plane.scheduler.tolerations import REPELLING, tolerated
from control_plane.scheduler.why.changes import EditPod, PutNode, Trial, edited
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal
from control_plane.scheduler.why.words import taint_text

_OURS = "node.kubernetes.io/"  # set and taken away by the cluster itself: to be mended, not tolerated
_MOST_NODES = 16


def tolerate(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """A toleration for each taint that keeps the pod away."""
    seen = {
        taint: None
        for taints in trial.cluster.nodes.taint_sets
        for taint in taints
        if _repels(trial, taint) and not taint.key.startswith(_OURS)
    }
    for taint in seen:
        changed = edited(trial.pod)
        toleration = changed.spec.tolerations.add(key=taint.key, effect=taint.effect)
        toleration.operator, toleration.value = ("Equal", taint.value) if taint.value else ("Exists", "")
        yield Proposal(Effort.PLACE, f"tolerate the taint {taint_text(taint)}", EditPod(changed))


def untaint(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Nodes that one taint alone keeps from taking the pod."""
    for facts in _refused_nodes(trial, refusal):
        repelling = [taint for taint in facts.taints if _repels(trial, taint)]
        if len(repelling) != 1 or repelling[0].key.startswith(_OURS):
            continue
        text = taint_text(repelling[0])
        left = tuple(taint for taint in facts.taints if taint != repelling[0])
        yield Proposal(
            Effort.UNDO,
            f"take the taint {text} off node {facts.name}",
            PutNode(replace(facts, taints=left)),
            f"knarr taint nodes {facts.name} {text}-",
        )


def uncordon(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """Nodes that are only cordoned."""
    for facts in _refused_nodes(trial, refusal):
        if facts.unschedulable:
            yield Proposal(
                Effort.UNDO,
                f"uncordon node {facts.name}",
                PutNode(_uncordoned(facts)),
                f"knarr uncordon {facts.name}",
            )


def _uncordoned(facts: NodeFacts) -> NodeFacts:
    """Cordoning also shows as a taint."""
    taints = tuple(taint for taint in facts.taints if taint.key != CORDON.key)
    return replace(facts, unschedulable=False, taints=taints)


def _repels(trial: Trial, taint: Taint) -> bool:
    return taint.effect in REPELLING and not tolerated(taint, trial.view.shape.wishes.tolerations)


def _refused_nodes(trial: Trial, refusal: Unschedulable) -> Iterator[NodeFacts]:
    """The first nodes that cordon or taints refuse."""
    nodes = trial.cluster.nodes
    names = [
        name
        for refused in refusal.refused
        if refused.filter in ("TaintToleration", "NodeUnschedulable")
        for name in refused.nodes
    ]
    for name in names[:_MOST_NODES]:
        facts = nodes.facts[nodes.rows[name]]
        if facts is not None:
            yield facts
