"""Rules and defaults of DaemonSets.

Source: Kubernetes' pkg/apis/apps/validation and pkg/apis/apps/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import COUNT_OR_PERCENT, NON_NEGATIVE, NOT_OVER_100_PERCENT
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import default_by, default_pointer, immutable, into, rule, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR, is_empty
from control_plane.api.rules.templates import check_template_matches, template_rule
from control_plane.api.rules.workloads import fill_count, is_zero
from knarr.proto.kubernetes import apps_v1_pb2 as apps

TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"


def _check_daemon_rolling(rolling: Any, path: str, causes: Causes) -> None:
    some_unavailable, some_surge = not is_zero(rolling.maxUnavailable), not is_zero(rolling.maxSurge)
    if some_unavailable and some_surge:
        why = "may not be set when maxUnavailable is non-zero"
        causes.append(say.invalid(f"{path}.maxSurge", rolling.maxSurge, why))
    if not some_unavailable and not some_surge:
        why = "cannot be 0 when maxSurge is 0"
        causes.append(say.invalid(f"{path}.maxUnavailable", rolling.maxUnavailable, why))


DAEMON_ROLLING: Final = Table(
    apps.RollingUpdateDaemonSet,
    rules=(
        rule("maxUnavailable", COUNT_OR_PERCENT),
        rule("maxSurge", COUNT_OR_PERCENT),
        rule("maxUnavailable", NOT_OVER_100_PERCENT),
        rule("maxSurge", NOT_OVER_100_PERCENT),
        whole("one of maxUnavailable and maxSurge is not 0", _check_daemon_rolling),
    ),
)


def _check_daemon_strategy(strategy: Any, path: str, causes: Causes) -> None:
    if strategy.type == "RollingUpdate":
        if not strategy.HasField("rollingUpdate"):
            causes.append(say.required(f"{path}.rollingUpdate"))
        else:
            DAEMON_ROLLING.check(strategy.rollingUpdate, f"{path}.rollingUpdate", causes)
    elif strategy.type != "OnDelete":
        causes.append(say.unsupported(path, strategy, ("RollingUpdate", "OnDelete")))


def _fill_daemon_strategy(strategy: Any) -> None:
    if not strategy.type:
        strategy.type = "RollingUpdate"
    if strategy.type == "RollingUpdate":
        fill_count(strategy.rollingUpdate, "maxUnavailable", number=1)
        fill_count(strategy.rollingUpdate, "maxSurge", number=0)


def _check_daemon_selector(spec: Any, path: str, causes: Causes) -> None:
    check_template_matches(spec, path, causes)
    if spec.HasField("selector") and is_empty(spec.selector):
        why = "empty selector is invalid for daemonset"
        causes.append(say.invalid(f"{path}.selector", spec.selector, why))


DAEMON_SET_SPEC: Final = Table(
    apps.DaemonSetSpec,
    rules=(
        into("selector", LABEL_SELECTOR),
        whole("selector is not empty and matches the template's labels", _check_daemon_selector),
        into("template", POD_TEMPLATE),
        template_rule("DaemonSet"),
        rule("minReadySeconds", NON_NEGATIVE),
        rule("revisionHistoryLimit", NON_NEGATIVE),
        into(
            "updateStrategy",
            Table(
                apps.DaemonSetUpdateStrategy,
                rules=(
                    into("rollingUpdate", DAEMON_ROLLING, checked=False),
                    whole("type is RollingUpdate or OnDelete", _check_daemon_strategy),
                ),
                defaults=(
                    default_by("type", _fill_daemon_strategy, "RollingUpdate, maxUnavailable 1, maxSurge 0"),
                ),
            ),
        ),
    ),
    defaults=(default_pointer("revisionHistoryLimit", 10),),
)


def _fill_generation(daemons: Any) -> None:
    """What the first version of the template is called. A change of the template counts it up elsewhere."""
    if not daemons.metadata.annotations.get(TEMPLATE_GENERATION):
        daemons.metadata.annotations[TEMPLATE_GENERATION] = "1"


RULES: Final = (
    ObjectRules(
        Table(
            apps.DaemonSet,
            rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", DAEMON_SET_SPEC)),
            defaults=(default_by("metadata", _fill_generation, f"annotation {TEMPLATE_GENERATION} is 1"),),
        ),
        update=(immutable("spec.selector"),),
    ),
)
