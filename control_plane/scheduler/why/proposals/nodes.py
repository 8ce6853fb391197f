"""Give the cluster what is missing: a label on a node, or one more node like those it has. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.nodes import NodeFacts
from control_plane.scheduler.selectors import Requirement
from control_plane.scheduler.topology import HOSTNAME
from control_plane.scheduler.why.changes import PutNode, Trial, like
from control_plane.scheduler.why.nearest import order
from control_plane.scheduler.why.proposals.proposal import Effort, Proposal

_MOST_NODES = 16
_MOST_KINDS = 8
NEW_NODE = "new-node"
# What a node is and where it stands: another value of such a label would be a lie.
_WHERE_IT_STANDS = ("topology.kubernetes.io/", "kubernetes.io/", "node.kubernetes.io/")


def label_node(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """The nearest nodes with one label more, or another value of it."""
    wishes = trial.view.shape.wishes
    wanted = [*wishes.node_selector]
    for term in wishes.node_terms or ():
        wanted += [row for row in term.expressions if row.operator == "In"]
    for facts in _nearest(trial):
        for requirement in wanted:
            value = facts.labels.get(requirement.key)
            if value is not None and requirement.key.startswith(_WHERE_IT_STANDS):
                continue
            if not requirement.matches(value):
                yield _labelled(facts, requirement)


def _labelled(facts: NodeFacts, requirement: Requirement) -> Proposal:
    label = f"{requirement.key}={requirement.values[0]}"
    changed = replace(facts, labels={**facts.labels, requirement.key: requirement.values[0]})
    overwrite = " --overwrite" if requirement.key in facts.labels else ""
    return Proposal(
        Effort.PLACE,
        f"label node {facts.name} {label}",
        PutNode(changed),
        f"knarr label nodes {facts.name} {label}{overwrite}",
    )


def add_node(trial: Trial, refusal: Unschedulable) -> Iterator[Proposal]:
    """One more of each kind of node that there is."""
    seen: set[object] = set()
    for facts in trial.cluster.nodes.facts:
        if facts is None:
            continue
        new = like(facts, NEW_NODE, HOSTNAME)
        kind = (frozenset(new.labels.items()), new.taints, frozenset(new.allocatable.items()))
        if kind not in seen:
            seen.add(kind)
            yield Proposal(Effort.BUY, f"add a node like {facts.name}", PutNode(new))
            if len(seen) == _MOST_KINDS:
                return


def _nearest(trial: Trial) -> Iterator[NodeFacts]:
    for row in order(trial.view, trial.profile)[:_MOST_NODES].tolist():
        facts = trial.cluster.nodes.facts[row]
        if facts is not None:
            yield facts
