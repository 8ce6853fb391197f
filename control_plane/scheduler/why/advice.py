"""Why a pod waits and what would help: the answer of `knarr why`. Pure.

Each change that is named was tried with the very functions that decide; how many are tried is bounded, so
that a large cluster is answered as soon as a small one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import decide
from control_plane.scheduler.decisions import PendingPod, Unschedulable
from control_plane.scheduler.evaluate import explain, feasible
from control_plane.scheduler.framework import Profile
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.why.changes import Companions, Trial
from control_plane.scheduler.why.nearest import Near, nearest
from control_plane.scheduler.why.proposals import displacing, nodes, resources, taints, volumes, wishes
from control_plane.scheduler.why.proposals.proposal import Proposal, Proposer
from knarr.proto.kubernetes import core_v1_pb2 as core

_OF_A_KIND = 2  # proposals of one kind that are named
_TRIED_OF_A_KIND = 64
_TRIED_FOR_A_GANG = 8  # each is a decision about all of it


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that works, and the node that would take the pod then."""

    proposal: Proposal
    node: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a pod waits. `refusal` is None where it would fit now: it only has to be looked at."""

    refusal: Unschedulable | None
    nearest: tuple[Near, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


def advise(
    cluster: Cluster,
    pod: core.Pod,
    profile: Profile,
    budgets: Sequence[Budget] = (),
    classes: Mapping[str, int] | None = None,
    companions: Companions | None = None,
) -> Advice:
    """Why the pod does not fit and what would help, the least effort first.

    `classes`: priority classes by name. `companions`: what it must be placed with; those that fit take their
    places before it. The cluster is the caller's own: it is changed and put back."""
    others = () if companions is None else (*companions.alike, *companions.others)
    try:
        for other in others:
            decide(cluster, [other], companions.profile_of(other.shape) if companions else profile)
        return _advise(Trial(cluster, pod, profile, budgets, companions), classes or {})
    finally:
        for other in others:
            cluster.undo(other.key, other.uid)


def _advise(trial: Trial, classes: Mapping[str, int]) -> Advice:
    cluster, profile, pod = trial.cluster, trial.profile, trial.pod
    if feasible(trial.view, profile).any():
        return Advice(None)
    key = f"{pod.metadata.namespace}/{pod.metadata.name}"
    refusal = explain(cluster, PendingPod(key, pod.metadata.uid, trial.view.shape), profile)
    near = nearest(trial.view, profile)
    found = [
        suggestion
        for proposer in _proposers(classes)
        for suggestion in _working(trial, proposer(trial, refusal))
    ]
    found.sort(key=lambda suggestion: suggestion.proposal.effort)
    return Advice(refusal, near, tuple(found))


def _proposers(classes: Mapping[str, int]) -> tuple[Proposer, ...]:
    return (
        taints.uncordon,
        taints.untaint,
        taints.tolerate,
        nodes.label_node,
        resources.lower_requests,
        wishes.drop_node_selector,
        wishes.drop_node_affinity,
        wishes.drop_pod_affinity,
        wishes.relax_spread,
        wishes.drop_host_ports,
        displacing.evict_pod,
        displacing.raise_priority(classes),
        volumes.add_volume,
        nodes.add_node,
    )


def _working(trial: Trial, proposals: Iterable[Proposal]) -> list[Suggestion]:
    """The first proposals of one kind that work."""
    found: list[Suggestion] = []
    most = _TRIED_OF_A_KIND if trial.companions is None else _TRIED_FOR_A_GANG
    for _, proposal in zip(range(most), proposals, strict=False):
        node = trial.outcome(proposal.change)
        if node:
            found.append(Suggestion(proposal, node))
            if len(found) == _OF_A_KIND:
                break
    return found
