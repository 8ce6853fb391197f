"""Rules of label selectors and node selectors.

Source: k8s.io/apimachinery, pkg/apis/meta/v1/validation, and Kubernetes' pkg/apis/core/validation.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN, LABEL_VALUE, LABELS, QUALIFIED_NAME
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.rows import each, required, rule, whole
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

NOT_AN_OPERATOR: Final = "not a valid selector operator"
NO_VALUES: Final = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
VALUES: Final = "must be specified when `operator` is 'In' or 'NotIn'"


def _check_operator(requirement: Any, path: str, causes: Causes) -> None:
    match requirement.operator:
        case "In" | "NotIn":
            if not requirement.values:
                causes.append(say.required(f"{path}.values", VALUES))
        case "Exists" | "DoesNotExist":
            if requirement.values:
                causes.append(say.forbidden(f"{path}.values", NO_VALUES))
        case operator:
            causes.append(say.invalid(f"{path}.operator", operator, NOT_AN_OPERATOR))


def _check_values(requirement: Any, path: str, causes: Causes) -> None:
    for index, value in enumerate(requirement.values):
        LABEL_VALUE.check(value, f"{path}.values[{index}]", causes)


_OPERATOR: Final = whole(
    "operator is In or NotIn with values, Exists or DoesNotExist without", _check_operator
)

LABEL_SELECTOR_REQUIREMENT: Final = Table(
    meta.LabelSelectorRequirement,
    rules=(
        _OPERATOR,
        rule("key", QUALIFIED_NAME, always=True),
        whole("values are label values", _check_values),
    ),
)

LABEL_SELECTOR: Final = Table(
    meta.LabelSelector,
    rules=(rule("matchLabels", LABELS), each("matchExpressions", LABEL_SELECTOR_REQUIREMENT)),
)


def _check_node_operator(requirement: Any, path: str, causes: Causes) -> None:
    if requirement.operator in ("Gt", "Lt"):
        if len(requirement.values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            causes.append(say.required(f"{path}.values", why))
    else:
        _check_operator(requirement, path, causes)


def _check_field_requirement(requirement: Any, path: str, causes: Causes) -> None:
    if requirement.operator not in ("In", "NotIn"):
        causes.append(say.invalid(f"{path}.operator", requirement.operator, NOT_AN_OPERATOR))
    elif len(requirement.values) != 1:
        why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        causes.append(say.required(f"{path}.values", why))
    if requirement.key != "metadata.name":
        causes.append(say.invalid(f"{path}.key", requirement.key, "not a valid field selector key"))
        return
    for index, value in enumerate(requirement.values):
        DNS_SUBDOMAIN.check(value, f"{path}.values[{index}]", causes)


NODE_SELECTOR_TERM: Final = Table(
    core.NodeSelectorTerm,
    rules=(
        each(
            "matchExpressions",
            Table(
                core.NodeSelectorRequirement,
                rules=(
                    whole("operator is In, NotIn, Exists, DoesNotExist, Gt or Lt", _check_node_operator),
                    rule("key", QUALIFIED_NAME, always=True),
                ),
            ),
        ),
        each(
            "matchFields",
            Table(
                core.NodeSelectorRequirement,
                rules=(whole("metadata.name In or NotIn one value", _check_field_requirement),),
            ),
        ),
    ),
)

NODE_SELECTOR: Final = Table(
    core.NodeSelector,
    rules=(
        required("nodeSelectorTerms", why="must have at least one node selector term"),
        each("nodeSelectorTerms", NODE_SELECTOR_TERM),
    ),
)


def is_empty(selector: meta.LabelSelector) -> bool:
    return not selector.matchLabels and not selector.matchExpressions
