"""Rules and defaults of HorizontalPodAutoscalers.

Source: Kubernetes' pkg/apis/autoscaling/validation and pkg/apis/autoscaling/v2/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import SEGMENT, nanos, number, one_of
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.metadata import NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.rows import default_by, default_pointer, each, into, required, rule, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling

_SOURCES: Final = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_POSITIVE: Final = number(lambda value: value > 0, "must be greater than 0")
_CPU_PERCENT: Final = 80
_MAX_WINDOW_S: Final = 3600
_MAX_PERIOD_S: Final = 1800


def _check_target(target: Any, path: str, causes: Causes) -> None:
    if not target.type:
        causes.append(say.required(f"{path}.type", "must specify a metric target type"))
    elif target.type not in ("Utilization", "Value", "AverageValue"):
        why = "must be either Utilization, Value, or AverageValue"
        causes.append(say.invalid(f"{path}.type", target.type, why))
    for name in ("value", "averageValue"):
        if target.HasField(name) and nanos(getattr(target, name)) <= 0:
            causes.append(say.invalid(f"{path}.{name}", getattr(target, name), "must be positive"))
    if target.HasField("averageUtilization"):
        _POSITIVE.check(target.averageUtilization, f"{path}.averageUtilization", causes)


TARGET: Final = Table(
    autoscaling.MetricTarget,
    rules=(whole("type is Utilization, Value or AverageValue; amounts are positive", _check_target),),
)
IDENTIFIER: Final = Table(
    autoscaling.MetricIdentifier,
    rules=(
        required("name", why="must specify a metric name"),
        rule("name", SEGMENT),
        into("selector", LABEL_SELECTOR),
    ),
)
REFERENCE: Final = Table(
    autoscaling.CrossVersionObjectReference,
    rules=(required("kind"), rule("kind", SEGMENT), required("name"), rule("name", SEGMENT)),
)


def _check_resource_target(source: Any, path: str, causes: Causes) -> None:
    target = source.target
    utilization, value = target.HasField("averageUtilization"), target.HasField("averageValue")
    if not utilization and not value:
        why = "must set either a target raw value or a target utilization"
        causes.append(say.required(f"{path}.target.averageUtilization", why))
    if utilization and value:
        why = "may not set both a target raw value and a target utilization"
        causes.append(say.forbidden(f"{path}.target.averageValue", why))


_RESOURCE_RULES: Final = (
    required("name", why="must specify a resource name"),
    into("target", TARGET),
    whole("target has averageUtilization or averageValue", _check_resource_target),
)


def _check_raw_target(source: Any, path: str, causes: Causes) -> None:
    value, average = source.target.HasField("value"), source.target.HasField("averageValue")
    if not value and not average:
        why = "must set either a target value for metric or a per-pod target"
        causes.append(say.required(f"{path}.target.averageValue", why))
    if value and average:
        why = "may not set both a target value for metric and a per-pod target"
        causes.append(say.forbidden(f"{path}.target.value", why))


def _check_pods_target(source: Any, path: str, causes: Causes) -> None:
    if not source.target.HasField("averageValue"):
        why = "must specify a positive target averageValue"
        causes.append(say.required(f"{path}.target.averageValue", why))


_RAW_TARGET: Final = whole("target has value or averageValue", _check_raw_target)


def _check_type(metric: Any, path: str, causes: Causes) -> None:
    """The source that type names is there, and no other."""
    present = [name for name in _SOURCES.values() if metric.HasField(name)]
    if not metric.type:
        causes.append(say.required(f"{path}.type", "must specify a metric source type"))
    elif metric.type not in _SOURCES:
        causes.append(say.unsupported(f"{path}.type", metric.type, _SOURCES))
    expected = _SOURCES.get(metric.type)
    if expected is not None and expected not in present:
        why = "must populate information for the given metric source"
        causes.append(say.required(f"{path}.{expected}", why))
    if len(present) > 1:
        for name in present:
            if name != expected:
                why = "must populate the given metric source only"
                causes.append(say.forbidden(f"{path}.{name}", why))


METRIC: Final = Table(
    autoscaling.MetricSpec,
    rules=(
        whole("type names the one source that is set", _check_type),
        into("resource", Table(autoscaling.ResourceMetricSource, rules=_RESOURCE_RULES)),
        into(
            "containerResource",
            Table(
                autoscaling.ContainerResourceMetricSource,
                rules=(*_RESOURCE_RULES, required("container", why="must specify a container")),
            ),
        ),
        into(
            "pods",
            Table(
                autoscaling.PodsMetricSource,
                rules=(
                    into("metric", IDENTIFIER),
                    into("target", TARGET),
                    whole("target has averageValue", _check_pods_target),
                ),
            ),
        ),
        into(
            "object",
            Table(
                autoscaling.ObjectMetricSource,
                rules=(
                    into("describedObject", REFERENCE),
                    into("metric", IDENTIFIER),
                    into("target", TARGET),
                    _RAW_TARGET,
                ),
            ),
        ),
        into(
            "external",
            Table(
                autoscaling.ExternalMetricSource,
                rules=(into("metric", IDENTIFIER), into("target", TARGET), _RAW_TARGET),
            ),
        ),
    ),
)


def _check_policies(rules: Any, path: str, causes: Causes) -> None:
    if not rules.policies:
        causes.append(say.required(f"{path}.policies", "must specify at least one Policy"))


SCALING_RULES: Final = Table(
    autoscaling.HPAScalingRules,
    rules=(
        rule(
            "stabilizationWindowSeconds",
            number(
                lambda value: 0 <= value <= _MAX_WINDOW_S, f"must be between 0 and {_MAX_WINDOW_S}, inclusive"
            ),
        ),
        rule("selectPolicy", one_of("Disabled", "Max", "Min")),
        whole("at least one policy", _check_policies),
        each(
            "policies",
            Table(
                autoscaling.HPAScalingPolicy,
                rules=(
                    rule("type", one_of("Percent", "Pods"), always=True),
                    rule("value", _POSITIVE, always=True),
                    rule("periodSeconds", _POSITIVE, always=True),
                    rule(
                        "periodSeconds",
                        number(
                            lambda value: value <= _MAX_PERIOD_S,
                            f"must be less than or equal to {_MAX_PERIOD_S}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)


def _check_replicas(spec: Any, path: str, causes: Causes) -> None:
    if spec.HasField("minReplicas") and spec.minReplicas < 1:
        why = "must be greater than or equal to 1"
        causes.append(say.invalid(f"{path}.minReplicas", spec.minReplicas, why))
    if spec.maxReplicas < 1:
        causes.append(say.invalid(f"{path}.maxReplicas", spec.maxReplicas, "must be greater than 0"))
    if spec.HasField("minReplicas") and spec.maxReplicas < spec.minReplicas:
        why = "must be greater than or equal to `minReplicas`"
        causes.append(say.invalid(f"{path}.maxReplicas", spec.maxReplicas, why))


def _fill_metrics(spec: Any) -> None:
    if not spec.metrics:
        metric = spec.metrics.add(type="Resource")
        metric.resource.name = "cpu"
        metric.resource.target.type = "Utilization"
        metric.resource.target.averageUtilization = _CPU_PERCENT


def _fill_scaling(rules: Any, window: int | None, policies: tuple[tuple[str, int, int], ...]) -> None:
    if not rules.HasField("selectPolicy"):
        rules.selectPolicy = "Max"
    if window is not None and not rules.HasField("stabilizationWindowSeconds"):
        rules.stabilizationWindowSeconds = window
    if not rules.policies:
        for kind, value, period in policies:
            rules.policies.add(type=kind, value=value, periodSeconds=period)


def _fill_behavior(spec: Any) -> None:
    if not spec.HasField("behavior"):
        return
    _fill_scaling(spec.behavior.scaleUp, 0, (("Pods", 4, 15), ("Percent", 100, 15)))
    _fill_scaling(spec.behavior.scaleDown, None, (("Percent", 100, 15),))


HPA_SPEC: Final = Table(
    autoscaling.HorizontalPodAutoscalerSpec,
    rules=(
        whole("minReplicas is at least 1, maxReplicas at least minReplicas", _check_replicas),
        into("scaleTargetRef", REFERENCE),
        each("metrics", METRIC),
        into(
            "behavior",
            Table(
                autoscaling.HorizontalPodAutoscalerBehavior,
                rules=(into("scaleUp", SCALING_RULES), into("scaleDown", SCALING_RULES)),
            ),
        ),
    ),
    defaults=(
        default_pointer("minReplicas", 1),
        default_by("metrics", _fill_metrics, "80% of the requested cpu"),
        default_by("behavior", _fill_behavior, "when it is set: up by 4 pods or 100%, down by 100%, in 15 s"),
    ),
)
RULES: Final = (
    ObjectRules(
        Table(
            autoscaling.HorizontalPodAutoscaler,
            rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", HPA_SPEC)),
        )
    ),
)
