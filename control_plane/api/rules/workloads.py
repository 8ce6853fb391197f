"""Rules and defaults of Deployments, ReplicaSets and ReplicationControllers.

Source: Kubernetes' pkg/apis/apps/validation and pkg/apis/apps/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import COUNT_OR_PERCENT, NON_NEGATIVE, NOT_OVER_100_PERCENT, percent_of
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.podspec import POD_TEMPLATE
from control_plane.api.rules.rows import (
    default_by,
    default_pointer,
    immutable,
    into,
    on_update,
    rule,
    whole,
)
from control_plane.api.rules.selectors import LABEL_SELECTOR
from control_plane.api.rules.templates import selector_rule, template_rule
from knarr.proto.kubernetes import apps_v1_pb2 as apps

QUARTER: Final = "25%"


def is_zero(value: Any) -> bool:
    """Whether a count or percentage is none at all; a text that is no percentage counts as 0."""
    percent = percent_of(value)
    return (value.intVal if percent is None else percent) == 0


def fill_count(message: Any, field: str, text: str = "", number: int = 0) -> None:
    """Sets an absent IntOrString to a text, or without one to a number."""
    if message.HasField(field):
        return
    target = getattr(message, field)
    if text:
        target.type, target.strVal = 1, text
    else:
        target.SetInParent()
        target.intVal = number


def _check_some_progress(rolling: Any, path: str, causes: Causes) -> None:
    if is_zero(rolling.maxUnavailable) and is_zero(rolling.maxSurge):
        causes.append(say.invalid(path, rolling.maxUnavailable, "may not be 0 when `maxSurge` is 0"))


ROLLING_UPDATE: Final = Table(
    apps.RollingUpdateDeployment,
    rules=(
        rule("maxUnavailable", COUNT_OR_PERCENT),
        rule("maxSurge", COUNT_OR_PERCENT),
        whole("maxUnavailable and maxSurge are not both 0", _check_some_progress, at="maxUnavailable"),
        rule("maxUnavailable", NOT_OVER_100_PERCENT),
    ),
)


def _check_strategy(strategy: Any, path: str, causes: Causes) -> None:
    here = f"{path}.rollingUpdate"
    if strategy.type == "Recreate":
        if strategy.HasField("rollingUpdate"):
            why = "may not be specified when strategy `type` is 'Recreate'"
            causes.append(say.forbidden(here, why))
    elif strategy.type == "RollingUpdate":
        if strategy.HasField("rollingUpdate"):
            ROLLING_UPDATE.check(strategy.rollingUpdate, here, causes)
        else:
            causes.append(say.required(here, "this should be defaulted and never be nil"))
    else:
        causes.append(say.unsupported(path, strategy, ("Recreate", "RollingUpdate")))


def _fill_strategy(strategy: Any) -> None:
    if not strategy.type:
        strategy.type = "RollingUpdate"
    if strategy.type == "RollingUpdate":
        fill_count(strategy.rollingUpdate, "maxUnavailable", QUARTER)
        fill_count(strategy.rollingUpdate, "maxSurge", QUARTER)


STRATEGY: Final = Table(
    apps.DeploymentStrategy,
    rules=(
        into("rollingUpdate", ROLLING_UPDATE, checked=False),
        whole("type is Recreate or RollingUpdate; rollingUpdate only with the latter", _check_strategy),
    ),
    defaults=(default_by("type", _fill_strategy, "RollingUpdate, with maxUnavailable and maxSurge of 25%"),),
)


def _check_deadline(spec: Any, path: str, causes: Causes) -> None:
    if not spec.HasField("progressDeadlineSeconds"):
        return
    deadline = spec.progressDeadlineSeconds
    NON_NEGATIVE.check(deadline, path, causes)
    if deadline <= spec.minReadySeconds:
        causes.append(say.invalid(path, deadline, "must be greater than minReadySeconds"))


DEPLOYMENT_SPEC: Final = Table(
    apps.DeploymentSpec,
    rules=(
        rule("replicas", NON_NEGATIVE),
        into("selector", LABEL_SELECTOR),
        selector_rule("deployment"),
        into("template", POD_TEMPLATE),
        template_rule("ReplicaSet"),
        into("strategy", STRATEGY),
        rule("minReadySeconds", NON_NEGATIVE),
        rule("revisionHistoryLimit", NON_NEGATIVE),
        whole(
            "progressDeadlineSeconds exceeds minReadySeconds", _check_deadline, at="progressDeadlineSeconds"
        ),
    ),
    defaults=(
        default_pointer("replicas", 1),
        default_pointer("revisionHistoryLimit", 10),
        default_pointer("progressDeadlineSeconds", 600),
    ),
)
DEPLOYMENT: Final = Table(
    apps.Deployment, rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", DEPLOYMENT_SPEC))
)

REPLICA_SET_SPEC: Final = Table(
    apps.ReplicaSetSpec,
    rules=(
        rule("replicas", NON_NEGATIVE),
        into("selector", LABEL_SELECTOR),
        selector_rule("deployment"),
        into("template", POD_TEMPLATE),
        template_rule("ReplicaSet"),
        rule("minReadySeconds", NON_NEGATIVE),
    ),
    defaults=(default_pointer("replicas", 1),),
)
REPLICA_SET: Final = Table(
    apps.ReplicaSet, rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", REPLICA_SET_SPEC))
)

_DEPLOYMENT_COUNTS: Final = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
)


def _check_deployment_status(new: Any, old: Any, path: str, causes: Causes) -> None:
    status = new.status
    for name in _DEPLOYMENT_COUNTS:
        NON_NEGATIVE.check(getattr(status, name), f"status.{name}", causes)
    for name in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        if getattr(status, name) > status.replicas:
            why = "cannot be greater than status.replicas"
            causes.append(say.invalid(f"status.{name}", getattr(status, name), why))
    if status.availableReplicas > status.readyReplicas:
        why = "cannot be greater than readyReplicas"
        causes.append(say.invalid("status.availableReplicas", status.availableReplicas, why))
    if old.status.HasField("collisionCount") and (
        not status.HasField("collisionCount") or status.collisionCount < old.status.collisionCount
    ):
        causes.append(say.invalid("status.collisionCount", status.collisionCount, "cannot be decremented"))


def check_replica_status(new: Any, old: Any, path: str, causes: Causes) -> None:
    """Of a ReplicaSet or ReplicationController: counts that fit together."""
    status = new.status
    names = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    for name in ("observedGeneration", "replicas", *names):
        NON_NEGATIVE.check(getattr(status, name), f"status.{name}", causes)
    for name in names:
        if getattr(status, name) > status.replicas:
            why = "cannot be greater than status.replicas"
            causes.append(say.invalid(f"status.{name}", getattr(status, name), why))
    if status.availableReplicas > status.readyReplicas:
        why = "cannot be greater than readyReplicas"
        causes.append(say.invalid("status.availableReplicas", status.availableReplicas, why))


RULES: Final = (
    ObjectRules(
        DEPLOYMENT,
        update=(immutable("spec.selector"),),
        status=(on_update("counts are not negative and fit together", _check_deployment_status, "status"),),
    ),
    ObjectRules(
        REPLICA_SET,
        update=(immutable("spec.selector"),),
        status=(on_update("counts are not negative and fit together", check_replica_status, "status"),),
    ),
)
