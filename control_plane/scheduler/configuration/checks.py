"""What must hold of the arguments of plugins. Pure. As kube-scheduler's own validation."""

from collections.abc import Iterator
from typing import Any

from knarr.api.errors import Problem
from knarr.proto.settings import kubescheduler_v1_pb2 as messages

_STRATEGIES = ("", "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")


def check_args(args: Any, path: str) -> Iterator[Problem]:
    """Everything that is wrong with a plugin's arguments."""
    match args:
        case messages.NodeResourcesFitArgs():
            yield from _fit(args, path)
        case messages.NodeResourcesBalancedAllocationArgs():
            yield from _resources(args.resources, f"{path}.resources", most_weight=1)
        case messages.InterPodAffinityArgs():
            if not 0 <= args.hardPodAffinityWeight <= 100:
                here = f"{path}.hardPodAffinityWeight"
                yield Problem(here, args.hardPodAffinityWeight, "must be between 0 and 100")
        case messages.PodTopologySpreadArgs():
            yield from _spread(args, path)
        case messages.DefaultPreemptionArgs():
            yield from _preemption(args, path)


def _fit(args: messages.NodeResourcesFitArgs, path: str) -> Iterator[Problem]:
    for number, group in enumerate(args.ignoredResourceGroups):
        if "/" in group or not group:
            yield Problem(f"{path}.ignoredResourceGroups[{number}]", group, "must be a group without /")
    strategy, here = args.scoringStrategy, f"{path}.scoringStrategy"
    if strategy.type not in _STRATEGIES:
        known = ", ".join(_STRATEGIES[1:])
        yield Problem(f"{here}.type", strategy.type, f"must be one of {known}")
    yield from _resources(strategy.resources, f"{here}.resources", most_weight=100)
    if strategy.type == "RequestedToCapacityRatio":
        yield from _shape(strategy.requestedToCapacityRatio.shape, f"{here}.requestedToCapacityRatio.shape")


def _resources(rows: Any, path: str, most_weight: int) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if not row.name or row.name in seen:
            why = "a resource can be named once" if row.name else "must name a resource"
            yield Problem(f"{path}[{number}].name", row.name, why)
        if not 0 <= row.weight <= most_weight:
            yield Problem(f"{path}[{number}].weight", row.weight, f"must be between 1 and {most_weight}")
        seen.add(row.name)


def _shape(points: Any, path: str) -> Iterator[Problem]:
    if not points:
        yield Problem(path, None, "needs at least one point")
    before = -1
    for number, point in enumerate(points):
        here = f"{path}[{number}]"
        if not 0 <= point.utilization <= 100:
            yield Problem(f"{here}.utilization", point.utilization, "must be between 0 and 100")
        elif point.utilization <= before:
            yield Problem(f"{here}.utilization", point.utilization, "must be above the one before it")
        if not 0 <= point.score <= 10:
            yield Problem(f"{here}.score", point.score, "must be between 0 and 10")
        before = point.utilization


def _spread(args: messages.PodTopologySpreadArgs, path: str) -> Iterator[Problem]:
    if args.defaultingType not in ("", "System", "List"):
        yield Problem(f"{path}.defaultingType", args.defaultingType, "must be System or List")
    if args.defaultingType != "List" and args.defaultConstraints:
        why = "needs defaultingType: List"
        yield Problem(f"{path}.defaultConstraints", "constraints", why)
    for number, row in enumerate(args.defaultConstraints):
        here = f"{path}.defaultConstraints[{number}]"
        if row.HasField("labelSelector"):
            why = "must be left out: what counts is found for each pod"
            yield Problem(f"{here}.labelSelector", "a selector", why)
        if row.maxSkew < 1:
            yield Problem(f"{here}.maxSkew", row.maxSkew, "must be at least 1")
        if not row.topologyKey:
            yield Problem(f"{here}.topologyKey", "", "must name a label")
        if row.whenUnsatisfiable not in ("DoNotSchedule", "ScheduleAnyway"):
            why = "must be DoNotSchedule or ScheduleAnyway"
            yield Problem(f"{here}.whenUnsatisfiable", row.whenUnsatisfiable, why)


def _preemption(args: messages.DefaultPreemptionArgs, path: str) -> Iterator[Problem]:
    percent, least = args.minCandidateNodesPercentage, args.minCandidateNodesAbsolute
    if not 0 <= percent <= 100:
        yield Problem(f"{path}.minCandidateNodesPercentage", percent, "must be between 0 and 100")
    if least < 0:
        yield Problem(f"{path}.minCandidateNodesAbsolute", least, "must not be negative")
    given = args.HasField("minCandidateNodesPercentage") and args.HasField("minCandidateNodesAbsolute")
    if given and percent == 0 and least == 0:
        yield Problem(f"{path}.minCandidateNodesAbsolute", least, "one of the two must be above 0")
