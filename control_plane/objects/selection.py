"""Label selectors over the cache's sorted label pairs.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from collections.abc import Callable

from control_plane.objects.records import Labels
from knarr.proto.kubernetes import meta_v1_pb2 as meta

Matcher = Callable[[Labels], bool]


def matcher(selector: meta.LabelSelector) -> Matcher:
    """A test of labels; an empty selector matches everything. Raises ValueError for an unknown operator."""
    wanted = tuple(selector.matchLabels.items())
    tests = [_requirement(expression) for expression in selector.matchExpressions]

    def matches(labels: Labels) -> bool:
        return all(pair in labels for pair in wanted) and (not tests or _all_hold(tests, dict(labels)))

    return matches


def _all_hold(tests: list[Callable[[dict[str, str]], bool]], labels: dict[str, str]) -> bool:
    return all(test(labels) for test in tests)


def _requirement(expression: meta.LabelSelectorRequirement) -> Callable[[dict[str, str]], bool]:
    key, values = expression.key, frozenset(expression.values)
    match expression.operator:
        case "In":
            return lambda labels: labels.get(key) in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values
        case "Exists":
            return lambda labels: key in labels
        case "DoesNotExist":
            return lambda labels: key not in labels
        case unknown:
            raise ValueError(f"{unknown!r} is no operator of a label selector")
