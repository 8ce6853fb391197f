"""The table of horizontal autoscalers, as kubectl's: what each metric is, and what it should be."""

from collections.abc import Callable, Sequence
from typing import Any

from control_plane.api.tables.columns import (
    AGED,
    INTEGER,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Columns,
    age,
    few,
)
from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling

_MOST = 2  # of metrics shown


def _targets(specs: Sequence[autoscaling.MetricSpec], statuses: Sequence[autoscaling.MetricStatus]) -> str:
    if not specs:
        return NONE
    cells = [
        _target(spec, statuses[place] if place < len(statuses) else None) for place, spec in enumerate(specs)
    ]
    return few(cells, _MOST, ", ")


def _target(spec: autoscaling.MetricSpec, status: Any) -> str:
    """ "cpu: 40%/80%", "100m/2 (avg)"; `status` is the metric in the same place, if there is one."""
    found = _SOURCES.get(spec.type)
    if found is None:
        return "<unknown type>"
    name, tell = found
    current = None
    if status is not None and status.HasField(name):
        current = getattr(status, name).current
    return tell(getattr(spec, name), current)


def _outside(source: Any, current: autoscaling.MetricValueStatus | None) -> str:
    """Of an object or of something outside the cluster."""
    target = source.target
    if target.HasField("averageValue"):
        if current is not None and not current.HasField("averageValue"):
            current = None
        return f"{_average(current)}/{target.averageValue.string} (avg)"
    return f"{_value(current)}/{target.value.string}"


def _of_pods(source: Any, current: autoscaling.MetricValueStatus | None) -> str:
    return f"{_average(current)}/{source.target.averageValue.string}"


def _resource(source: Any, current: autoscaling.MetricValueStatus | None) -> str:
    target = source.target
    if target.HasField("averageValue"):
        return f"{source.name}: {_average(current)}/{target.averageValue.string}"
    is_now = UNKNOWN
    if current is not None and current.HasField("averageUtilization"):
        is_now = f"{current.averageUtilization}%"
    wanted = f"{target.averageUtilization}%" if target.HasField("averageUtilization") else "<auto>"
    return f"{source.name}: {is_now}/{wanted}"


def _average(current: autoscaling.MetricValueStatus | None) -> str:
    return UNKNOWN if current is None else current.averageValue.string or "0"


def _value(current: autoscaling.MetricValueStatus | None) -> str:
    return UNKNOWN if current is None else current.value.string or "0"


_SOURCES: dict[str, tuple[str, Callable[[Any, autoscaling.MetricValueStatus | None], str]]] = {
    "External": ("external", _outside),
    "Object": ("object", _outside),
    "Pods": ("pods", _of_pods),
    "Resource": ("resource", _resource),
    "ContainerResource": ("containerResource", _resource),
}


def _autoscaler(found: autoscaling.HorizontalPodAutoscaler) -> list[str]:
    spec = found.spec
    return [
        f"{spec.scaleTargetRef.kind}/{spec.scaleTargetRef.name}",
        _targets(spec.metrics, found.status.currentMetrics),
        str(spec.minReplicas) if spec.HasField("minReplicas") else UNSET,
        str(spec.maxReplicas),
        str(found.status.currentReplicas),
        age(found.metadata),
    ]


HORIZONTAL_POD_AUTOSCALERS = Columns(
    (
        NAME,
        Column("Reference"),
        Column("Targets"),
        Column("MinPods"),
        Column("MaxPods", 0, INTEGER),
        Column("Replicas", 0, INTEGER),
        AGED,
    ),
    _autoscaler,
)
