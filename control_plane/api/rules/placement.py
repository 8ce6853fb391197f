"""Rules of where pods may run: affinity, tolerations, topology spread.

Source: Kubernetes' pkg/apis/core/validation (validateAffinity, ValidateTolerations, …).
"""

from collections import Counter
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DNS_LABEL,
    LABEL_VALUE,
    NOT_POSITIVE,
    POSITIVE,
    QUALIFIED_NAME,
    between,
    one_of,
)
from control_plane.api.rules.engine import Causes, Checker, Rule, Table
from control_plane.api.rules.rows import each, into, required, rule, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR, NODE_SELECTOR, NODE_SELECTOR_TERM
from knarr.proto.kubernetes import core_v1_pb2 as core

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
UNSATISFIABLE: Final = ("DoNotSchedule", "ScheduleAnyway")
_WEIGHT: Final = rule("weight", between(1, 100, "must be in the range 1-100"), always=True)


def _check_namespaces(values: Any, path: str, causes: Causes) -> None:
    for value in values:
        DNS_LABEL.check(value, path, causes)


def check_label_keys(
    keys: Any, selector: Any, path: str, causes: Causes, other: tuple[str, ...] = ()
) -> None:
    """matchLabelKeys and mismatchLabelKeys: qualified names that the selector does not use yet."""
    used = {expression.key for expression in selector.matchExpressions} | set(selector.matchLabels)
    for index, key in enumerate(keys):
        here = f"{path}[{index}]"
        if key in used:
            causes.append(say.invalid(here, key, "exists in both matchLabelKeys and labelSelector"))
        if key in other:
            causes.append(say.invalid(here, key, "exists in both matchLabelKeys and mismatchLabelKeys"))
        QUALIFIED_NAME.check(key, here, causes)


def _check_term_keys(term: Any, path: str, causes: Causes) -> None:
    for name in ("matchLabelKeys", "mismatchLabelKeys"):
        keys = getattr(term, name)
        if not keys:
            continue
        here = f"{path}.{name}"
        if not term.HasField("labelSelector"):
            why = "must not be specified when labelSelector is not set"
            causes.append(say.forbidden(here, why))
        other = tuple(term.mismatchLabelKeys) if name == "matchLabelKeys" else ()
        check_label_keys(keys, term.labelSelector, here, causes, other)


POD_AFFINITY_TERM: Final = Table(
    core.PodAffinityTerm,
    rules=(
        into("labelSelector", LABEL_SELECTOR),
        into("namespaceSelector", LABEL_SELECTOR),
        rule("namespaces", Checker(_check_namespaces, "each a namespace's name"), at="namespace"),
        required("topologyKey", why="can not be empty"),
        rule("topologyKey", QUALIFIED_NAME, always=True),
        whole("matchLabelKeys and mismatchLabelKeys are label keys that stand once", _check_term_keys),
    ),
)
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_POD_TERMS: Final = (
    each(_REQUIRED, POD_AFFINITY_TERM),
    each(
        _PREFERRED,
        Table(core.WeightedPodAffinityTerm, rules=(_WEIGHT, into("podAffinityTerm", POD_AFFINITY_TERM))),
    ),
)

AFFINITY: Final = Table(
    core.Affinity,
    rules=(
        into(
            "nodeAffinity",
            Table(
                core.NodeAffinity,
                rules=(
                    into(_REQUIRED, NODE_SELECTOR),
                    each(
                        _PREFERRED,
                        Table(
                            core.PreferredSchedulingTerm,
                            rules=(_WEIGHT, into("preference", NODE_SELECTOR_TERM)),
                        ),
                    ),
                ),
            ),
        ),
        into("podAffinity", Table(core.PodAffinity, rules=_POD_TERMS)),
        into("podAntiAffinity", Table(core.PodAntiAffinity, rules=_POD_TERMS)),
    ),
)


def _check_operator(toleration: Any, path: str, causes: Causes) -> None:
    operator = toleration.operator
    if not toleration.key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        causes.append(say.invalid(path, operator, why))
    if operator in ("", "Equal"):
        LABEL_VALUE.check(toleration.value, path, causes)
    elif operator == "Exists":
        if toleration.value:
            causes.append(say.invalid(path, toleration, "value must be empty when `operator` is 'Exists'"))
    else:
        causes.append(say.unsupported(path, operator, ("Equal", "Exists")))


def _check_seconds(toleration: Any, path: str, causes: Causes) -> None:
    if toleration.HasField("tolerationSeconds") and toleration.effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        causes.append(say.invalid(path, toleration.effect, why))


TOLERATION: Final = Table(
    core.Toleration,
    rules=(
        rule("key", QUALIFIED_NAME),
        whole(
            "operator is Equal (with key and value) or Exists (without value)", _check_operator, at="operator"
        ),
        whole("effect is NoExecute with tolerationSeconds", _check_seconds, at="effect"),
        rule("effect", one_of(*EFFECTS)),
    ),
)


def _check_min_domains(constraint: Any, path: str, causes: Causes) -> None:
    if not constraint.HasField("minDomains"):
        return
    if constraint.minDomains <= 0:
        causes.append(say.invalid(path, constraint.minDomains, NOT_POSITIVE))
    if constraint.whenUnsatisfiable != "DoNotSchedule":
        why = (
            f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {constraint.whenUnsatisfiable}"
        )
        causes.append(say.invalid(path, constraint.minDomains, why))


def _check_spread_keys(constraint: Any, path: str, causes: Causes) -> None:
    if not constraint.matchLabelKeys:
        return
    if not constraint.HasField("labelSelector"):
        causes.append(say.forbidden(path, "must not be specified when labelSelector is not set"))
    check_label_keys(constraint.matchLabelKeys, constraint.labelSelector, path, causes)


SPREAD_CONSTRAINT: Final = Table(
    core.TopologySpreadConstraint,
    rules=(
        rule("maxSkew", POSITIVE, always=True),
        required("topologyKey", why="can not be empty"),
        rule("topologyKey", QUALIFIED_NAME),
        rule("whenUnsatisfiable", one_of(*UNSATISFIABLE), always=True),
        whole("minDomains is positive, with DoNotSchedule only", _check_min_domains, at="minDomains"),
        rule("nodeAffinityPolicy", one_of("Honor", "Ignore")),
        rule("nodeTaintsPolicy", one_of("Honor", "Ignore")),
        whole(
            "matchLabelKeys are label keys that the selector does not use",
            _check_spread_keys,
            at="matchLabelKeys",
        ),
        into("labelSelector", LABEL_SELECTOR),
    ),
)


def _check_spread_pairs(constraints: Any, path: str, causes: Causes) -> None:
    """A pair that occurs again is reported where it stands first."""
    if len(constraints) < 2:
        return
    pairs = [(constraint.topologyKey, constraint.whenUnsatisfiable) for constraint in constraints]
    left = Counter(pairs)
    for index, pair in enumerate(pairs):
        left[pair] -= 1
        if left[pair]:
            where = f"{path}[{index}].{{topologyKey, whenUnsatisfiable}}"
            causes.append(say.duplicate(where, f"{{{pair[0]}, {pair[1]}}}"))


SPREAD_PAIRS: Final = Rule(
    "topologySpreadConstraints",
    "each pair of topologyKey and whenUnsatisfiable stands once",
    _check_spread_pairs,
)
