"""Rules of PodDisruptionBudgets and Leases.

Source: Kubernetes' pkg/apis/policy/validation and pkg/apis/coordination/validation.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    COUNT_OR_PERCENT,
    NON_NEGATIVE,
    NOT_OVER_100_PERCENT,
    number,
    one_of,
    segment_errors,
)
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN, metadata
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import into, rule, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination
from knarr.proto.kubernetes import policy_v1_pb2 as policy


def _check_one_bound(spec: Any, path: str, causes: Causes) -> None:
    if spec.HasField("minAvailable") and spec.HasField("maxUnavailable"):
        causes.append(say.invalid(path, spec, "minAvailable and maxUnavailable cannot be both set"))


BUDGET: Final = Table(
    policy.PodDisruptionBudget,
    rules=(
        into("metadata", metadata(segment_errors, "not '.' or '..', without '/' and '%'")),
        into(
            "spec",
            Table(
                policy.PodDisruptionBudgetSpec,
                rules=(
                    whole("not both minAvailable and maxUnavailable", _check_one_bound),
                    rule("minAvailable", COUNT_OR_PERCENT),
                    rule("minAvailable", NOT_OVER_100_PERCENT),
                    rule("maxUnavailable", COUNT_OR_PERCENT),
                    rule("maxUnavailable", NOT_OVER_100_PERCENT),
                    into("selector", LABEL_SELECTOR),
                    rule("unhealthyPodEvictionPolicy", one_of("AlwaysAllow", "IfHealthyBudget")),
                ),
            ),
        ),
    ),
)

LEASE: Final = Table(
    coordination.Lease,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                coordination.LeaseSpec,
                rules=(
                    rule("leaseDurationSeconds", number(lambda value: value > 0, "must be greater than 0")),
                    rule("leaseTransitions", NON_NEGATIVE),
                ),
            ),
        ),
    ),
)

RULES: Final = (ObjectRules(BUDGET, unconditional=False), ObjectRules(LEASE, unconditional=False))
