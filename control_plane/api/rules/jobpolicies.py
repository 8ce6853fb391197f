"""Rules of a Job's failure and success policies.

Source: Kubernetes' pkg/apis/batch/validation (validatePodFailurePolicy, validateSuccessPolicy).
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import POSITIVE, QUALIFIED_NAME, one_of
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.rows import default, each, into, required, rule, whole
from knarr.proto.kubernetes import batch_v1_pb2 as batch

_MAX_RULES: Final = 20
_MAX_VALUES: Final = 255


def _check_exit_codes(requirement: Any, path: str, causes: Causes) -> None:
    values, here = list(requirement.values), f"{path}.values"
    if not values:
        causes.append(say.invalid(here, values, "at least one value is required"))
    elif len(values) > _MAX_VALUES:
        causes.append(say.too_many(here, len(values), _MAX_VALUES))
    if requirement.operator == "In" and 0 in values:
        causes.append(say.invalid(here, values, "must not be 0 for the In operator"))
    if len(set(values)) < len(values):
        causes.append(say.duplicate(here, values))
    if values != sorted(values):
        causes.append(say.invalid(here, values, "must be ordered"))


EXIT_CODES: Final = Table(
    batch.PodFailurePolicyOnExitCodesRequirement,
    rules=(
        required("operator"),
        rule("operator", one_of("In", "NotIn")),
        whole("values are ordered, each once; not 0 for In", _check_exit_codes),
    ),
)
CONDITION: Final = Table(
    batch.PodFailurePolicyOnPodConditionsPattern,
    rules=(
        required("type"),
        rule("type", QUALIFIED_NAME),
        required("status"),
        rule("status", one_of("False", "True", "Unknown")),
    ),
    defaults=(default("status", "True"),),
)


def _check_one(policy: Any, path: str, causes: Causes) -> None:
    codes, conditions = policy.HasField("onExitCodes"), bool(policy.onPodConditions)
    if codes and conditions:
        why = "specifying both OnExitCodes and OnPodConditions is not supported"
        causes.append(say.invalid(path, policy, why))
    if not codes and not conditions:
        why = "specifying one of OnExitCodes and OnPodConditions is required"
        causes.append(say.invalid(path, policy, why))


FAILURE_RULE: Final = Table(
    batch.PodFailurePolicyRule,
    rules=(
        required("action"),
        rule("action", one_of("Count", "FailIndex", "FailJob", "Ignore")),
        into("onExitCodes", EXIT_CODES),
        each("onPodConditions", CONDITION),
        whole("one of onExitCodes and onPodConditions", _check_one),
    ),
)


def _check_count(policy: Any, path: str, causes: Causes) -> None:
    if len(policy.rules) > _MAX_RULES:
        causes.append(say.too_many(f"{path}.rules", len(policy.rules), _MAX_RULES))


FAILURE_POLICY: Final = Table(
    batch.PodFailurePolicy,
    rules=(each("rules", FAILURE_RULE), whole("up to 20 rules", _check_count)),
)


def _check_success(policy: Any, path: str, causes: Causes) -> None:
    if not policy.rules:
        causes.append(say.required(f"{path}.rules", "at least one rules must be specified"))
    _check_count(policy, path, causes)
    for index, item in enumerate(policy.rules):
        if not item.HasField("succeededIndexes") and not item.HasField("succeededCount"):
            why = "at least one of succeededCount or succeededIndexes must be specified"
            causes.append(say.required(f"{path}.rules[{index}]", why))


SUCCESS_POLICY: Final = Table(
    batch.SuccessPolicy,
    rules=(
        each("rules", Table(batch.SuccessPolicyRule, rules=(rule("succeededCount", POSITIVE),))),
        whole("up to 20 rules, each with succeededIndexes or succeededCount", _check_success),
    ),
)
