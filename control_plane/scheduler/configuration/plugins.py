"""The plugins that a profile can name, in Kubernetes' default order, and how each is made from its args.

What kube-scheduler has as a plugin and Knarr does by itself (binding, the queue, gates) may be named and
means nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.scheduler.filters.inter_pod_affinity import InterPodAffinity
from control_plane.scheduler.filters.node_affinity import NodeAffinity
from control_plane.scheduler.filters.node_name import NodeName
from control_plane.scheduler.filters.node_ports import NodePorts
from control_plane.scheduler.filters.node_resources_fit import NodeResourcesFit
from control_plane.scheduler.filters.node_unschedulable import NodeUnschedulable
from control_plane.scheduler.filters.pod_topology_spread import PodTopologySpread
from control_plane.scheduler.filters.taint_toleration import TaintToleration
from control_plane.scheduler.filters.volume_binding import VolumeBinding
from control_plane.scheduler.framework import Filter, PreemptionRules, Score
from control_plane.scheduler.requests import CPU, MEMORY
from control_plane.scheduler.scores.allocation import (
    AllocationScore,
    LeastAllocatedStrategy,
    MostAllocatedStrategy,
    RequestedToCapacityRatioStrategy,
    Strategy,
    WeightedResource,
)
from control_plane.scheduler.scores.balance_of import BalanceOf
from control_plane.scheduler.scores.balanced_allocation import BalancedAllocation
from control_plane.scheduler.scores.image_locality import ImageLocality
from control_plane.scheduler.scores.inter_pod_affinity import InterPodAffinityScore
from control_plane.scheduler.scores.least_allocated import LeastAllocated
from control_plane.scheduler.scores.node_affinity import NodeAffinityScore
from control_plane.scheduler.scores.pod_topology_spread import PodTopologySpreadScore
from control_plane.scheduler.scores.taint_toleration import TaintTolerationScore
from control_plane.scheduler.shaping import compile_node_terms, compile_preferred, compile_spread
from control_plane.scheduler.spreading import SYSTEM_DEFAULTS, Defaults
from knarr.proto.settings import kubescheduler_v1_pb2 as messages

PREEMPTION: Final = "DefaultPreemption"
MAKES_ROOM: Final = (CPU, MEMORY)  # the resources that count when none are named


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin. `args`: the message of its arguments, None where it has none; filter and score are made
    from one."""

    args: type[Message] | None = None
    filter: Callable[[Any], Filter] | None = None
    score: Callable[[Any], Score] | None = None
    weight: int = 1


def _resources_fit(args: messages.NodeResourcesFitArgs) -> Filter:
    return NodeResourcesFit(args.ignoredResources, args.ignoredResourceGroups)


def _allocation(args: messages.NodeResourcesFitArgs) -> Score:
    strategy = args.scoringStrategy
    resources = [WeightedResource(row.name, row.weight or 1) for row in strategy.resources]
    plain = not resources or {(row.name, row.weight) for row in resources} == {(CPU, 1), (MEMORY, 1)}
    if strategy.type in ("", "LeastAllocated") and plain:
        return LeastAllocated()  # the quick one
    return AllocationScore(_strategy(strategy), resources or [WeightedResource(n) for n in MAKES_ROOM])


def _strategy(strategy: messages.ScoringStrategy) -> Strategy:
    match strategy.type:
        case "MostAllocated":
            return MostAllocatedStrategy()
        case "RequestedToCapacityRatio":
            shape = strategy.requestedToCapacityRatio.shape
            return RequestedToCapacityRatioStrategy([(point.utilization, point.score) for point in shape])
    return LeastAllocatedStrategy()


def _balance(args: messages.NodeResourcesBalancedAllocationArgs) -> Score:
    names = [row.name for row in args.resources]
    return BalanceOf(names) if names and set(names) != set(MAKES_ROOM) else BalancedAllocation()


def _node_affinity(args: messages.NodeAffinityArgs) -> Filter:
    added = args.addedAffinity
    required = added.requiredDuringSchedulingIgnoredDuringExecution
    has_required = added.HasField("requiredDuringSchedulingIgnoredDuringExecution")
    return NodeAffinity(compile_node_terms(required) if has_required else None)


def _node_affinity_score(args: messages.NodeAffinityArgs) -> Score:
    return NodeAffinityScore(compile_preferred(args.addedAffinity))


def _inter_pod_score(args: messages.InterPodAffinityArgs) -> Score:
    weight = args.hardPodAffinityWeight if args.HasField("hardPodAffinityWeight") else 1
    return InterPodAffinityScore(weight, args.ignorePreferredTermsOfExistingPods)


def _spread_defaults(args: messages.PodTopologySpreadArgs) -> Defaults:
    if args.defaultingType == "List":
        constraints = tuple(compile_spread(row, {}) for row in args.defaultConstraints)
        return Defaults(constraints, system=False)
    return SYSTEM_DEFAULTS


def preemption_rules(args: messages.DefaultPreemptionArgs) -> PreemptionRules:
    """What DefaultPreemption's arguments say."""
    default = PreemptionRules()
    percent, least = default.candidates_percent, default.candidates_least
    if args.HasField("minCandidateNodesPercentage"):
        percent = args.minCandidateNodesPercentage
    if args.HasField("minCandidateNodesAbsolute"):
        least = args.minCandidateNodesAbsolute
    return PreemptionRules(percent, least)


PLUGINS: Final[Mapping[str, Plugin]] = {
    "SchedulingGates": Plugin(),
    "PrioritySort": Plugin(),
    "NodeUnschedulable": Plugin(filter=lambda _: NodeUnschedulable()),
    "NodeName": Plugin(filter=lambda _: NodeName()),
    "TaintToleration": Plugin(
        filter=lambda _: TaintToleration(), score=lambda _: TaintTolerationScore(), weight=3
    ),
    "NodeAffinity": Plugin(messages.NodeAffinityArgs, _node_affinity, _node_affinity_score, 2),
    "NodePorts": Plugin(filter=lambda _: NodePorts()),
    "NodeResourcesFit": Plugin(messages.NodeResourcesFitArgs, _resources_fit, _allocation),
    "VolumeRestrictions": Plugin(),
    "NodeVolumeLimits": Plugin(),
    "VolumeBinding": Plugin(filter=lambda args: VolumeBinding()),
    "VolumeZone": Plugin(),
    "PodTopologySpread": Plugin(
        messages.PodTopologySpreadArgs,
        lambda args: PodTopologySpread(_spread_defaults(args)),
        lambda args: PodTopologySpreadScore(_spread_defaults(args)),
        2,
    ),
    "InterPodAffinity": Plugin(
        messages.InterPodAffinityArgs, lambda _: InterPodAffinity(), _inter_pod_score, 2
    ),
    PREEMPTION: Plugin(messages.DefaultPreemptionArgs),
    "NodeResourcesBalancedAllocation": Plugin(messages.NodeResourcesBalancedAllocationArgs, score=_balance),
    "ImageLocality": Plugin(score=lambda _: ImageLocality()),
    "DefaultBinder": Plugin(),
}
# Without these there is nothing left that schedules.
CANNOT_GO: Final = ("PrioritySort", "DefaultBinder", "SchedulingGates")
