"""Which objects a quota's scopes let it cover. Pure.

Only pods have scopes: a quota with any covers nothing else.
Source: kubernetes.io/docs/concepts/policy/resource-quotas (quota scopes).
"""

from collections.abc import Callable, Mapping
from typing import Final

from google.protobuf.message import Message

from knarr.api.qos import BEST_EFFORT, qos_class
from knarr.proto.kubernetes import core_v1_pb2 as core

PRIORITY_CLASS: Final = "PriorityClass"


def covers(quota: core.ResourceQuota, obj: Message) -> bool:
    """Whether all scopes of the quota hold for the object."""
    spec = quota.spec
    if not spec.scopes and not spec.scopeSelector.matchExpressions:
        return True
    if not isinstance(obj, core.Pod):
        return False
    return all(_holds(scope, "Exists", (), obj) for scope in spec.scopes) and all(
        _holds(each.scopeName, each.operator, tuple(each.values), obj)
        for each in spec.scopeSelector.matchExpressions
    )


def _holds(scope: str, operator: str, values: tuple[str, ...], pod: core.Pod) -> bool:
    if scope == PRIORITY_CLASS:
        return _class_matches(pod.spec.priorityClassName, operator, values)
    test = _TESTS.get(scope)
    return test is not None and test(pod)


def _class_matches(name: str, operator: str, values: tuple[str, ...]) -> bool:
    match operator:
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "DoesNotExist":
            return not name
        case _:
            return bool(name)


def _is_terminating(pod: core.Pod) -> bool:
    return pod.spec.HasField("activeDeadlineSeconds") and pod.spec.activeDeadlineSeconds >= 0


def _is_best_effort(pod: core.Pod) -> bool:
    return qos_class(pod.spec) == BEST_EFFORT


def _reaches_other_namespaces(pod: core.Pod) -> bool:
    affinity = pod.spec.affinity
    terms = [
        *affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution,
        *affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution,
    ]
    for part in (affinity.podAffinity, affinity.podAntiAffinity):
        terms += [each.podAffinityTerm for each in part.preferredDuringSchedulingIgnoredDuringExecution]
    return any(term.namespaces or term.HasField("namespaceSelector") for term in terms)


_TESTS: Final[Mapping[str, Callable[[core.Pod], bool]]] = {
    "Terminating": _is_terminating,
    "NotTerminating": lambda pod: not _is_terminating(pod),
    "BestEffort": _is_best_effort,
    "NotBestEffort": lambda pod: not _is_best_effort(pod),
    "CrossNamespacePodAffinity": _reaches_other_namespaces,
}
