"""Rules and defaults of PodGroups.

Source: Kubernetes' pkg/apis/scheduling/validation of v1alpha3; scheduleTimeoutSeconds is Knarr's own.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import POSITIVE
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default_pointer, immutable, into, required, rule, whole
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling

DEFAULT_TIMEOUT_S: Final = 60


def _check_one_policy(policy: Any, path: str, causes: Causes) -> None:
    given = [name for name in ("basic", "gang") if policy.HasField(name)]
    if len(given) != 1:
        causes.append(say.invalid(path, ", ".join(given), "must specify exactly one of: basic, gang"))


POD_GROUP: Final = Table(
    scheduling.PodGroup,
    rules=(
        into("metadata", NAMED_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                scheduling.PodGroupSpec,
                rules=(
                    into(
                        "schedulingPolicy",
                        Table(
                            scheduling.PodGroupSchedulingPolicy,
                            rules=(
                                whole("exactly one of basic and gang", _check_one_policy),
                                into(
                                    "gang",
                                    Table(
                                        scheduling.GangSchedulingPolicy,
                                        rules=(required("minCount"), rule("minCount", POSITIVE)),
                                    ),
                                ),
                            ),
                        ),
                    ),
                    rule("scheduleTimeoutSeconds", POSITIVE),
                ),
                defaults=(default_pointer("scheduleTimeoutSeconds", DEFAULT_TIMEOUT_S),),
            ),
        ),
    ),
)

RULES: Final = (
    ObjectRules(
        POD_GROUP,
        update=(immutable("spec.schedulingPolicy"), immutable("spec.podGroupTemplateRef")),
        unconditional=False,
    ),
)
