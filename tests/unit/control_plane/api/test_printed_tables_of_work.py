"""The tables of jobs and autoscalers, as kubectl prints them."""

from typing import Any

import pytest

from control_plane.api.tables.table import table
from knarr.api import codec, kinds
from knarr.api.kinds import Kind

CREATED = "2026-01-02T03:04:05Z"
LATER = "2026-01-02T03:05:40Z"
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "a", "image": "i:1"}]}}
LABELS = {"matchLabels": {"app": "x"}}


def metric(type_: str, source: str, **rest: Any) -> dict[str, Any]:
    return {"type": type_, source: rest}


def cpu(**target: Any) -> dict[str, Any]:
    return metric("Resource", "resource", name="cpu", target=target)


def autoscaler(metrics: list[dict[str, Any]], current: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5, "metrics": metrics}
    return {"spec": spec, "status": {"currentReplicas": 3, "currentMetrics": current or []}}


def condition(type_: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "True"}]}


def job(spec: dict[str, Any], status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": metadata,
        "spec": {"template": TEMPLATE, "selector": LABELS, **spec},
        "status": status,
    }


def cells(kind: Kind, value: dict[str, Any]) -> dict[str, str]:
    """The one row of an object, by column."""
    value = {**value, "metadata": {"name": "x", "creationTimestamp": CREATED, **value.get("metadata", {})}}
    made = table(kind, [codec.from_dict(value, kind.message)])
    (row,) = made.rows
    return dict(zip((column.name for column in made.columns), row.cells, strict=True))


JOBS: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    # status, completions, duration
    "new": (job({"completions": 3}, {}), ("Running", "0/3", "")),
    "running": (job({}, {"startTime": CREATED, "succeeded": 0}), ("Running", "0/1", CREATED)),
    "of a queue": (job({"parallelism": 4}, {"succeeded": 2}), ("Running", "2/1 of 4", "")),
    "complete": (
        job(
            {"completions": 1},
            {"startTime": CREATED, "completionTime": LATER, "succeeded": 1, **condition("Complete")},
        ),
        ("Complete", "1/1", "95s"),
    ),
    "failed": (job({"completions": 1}, condition("Failed")), ("Failed", "0/1", "")),
    "about to fail": (job({"completions": 1}, condition("FailureTarget")), ("FailureTarget", "0/1", "")),
    "suspended": (job({"completions": 1}, condition("Suspended")), ("Suspended", "0/1", "")),
    "on its way out": (
        job({"completions": 1}, condition("Suspended"), deletionTimestamp=CREATED),
        ("Terminating", "0/1", ""),
    ),
    "complete, on its way out": (
        job({"completions": 1}, condition("Complete"), deletionTimestamp=CREATED),
        ("Complete", "0/1", ""),
    ),
}


@pytest.mark.parametrize(("value", "wanted"), JOBS.values(), ids=JOBS)
def test_jobs(value: dict[str, Any], wanted: tuple[str, str, str]) -> None:
    row = cells(kinds.JOB, value)
    assert (row["Status"], row["Completions"], row["Duration"]) == wanted
    assert row["Selector"] == "app=x"


CPU_NOW = metric(
    "Resource", "resource", name="cpu", current={"averageUtilization": 40, "averageValue": "400m"}
)
AUTOSCALERS: dict[str, tuple[dict[str, Any], str]] = {
    "no metrics": (autoscaler([]), "<none>"),
    "not measured yet": (
        autoscaler([cpu(type="Utilization", averageUtilization=80)]),
        "cpu: <unknown>/80%",
    ),
    "utilization": (autoscaler([cpu(type="Utilization", averageUtilization=80)], [CPU_NOW]), "cpu: 40%/80%"),
    "no target": (autoscaler([cpu(type="Utilization")], [CPU_NOW]), "cpu: 40%/<auto>"),
    "value": (autoscaler([cpu(type="AverageValue", averageValue="500m")], [CPU_NOW]), "cpu: 400m/500m"),
    "of a container": (
        autoscaler(
            [
                metric(
                    "ContainerResource",
                    "containerResource",
                    name="memory",
                    container="c",
                    target={"averageUtilization": 50},
                )
            ]
        ),
        "memory: <unknown>/50%",
    ),
    "of pods": (
        autoscaler(
            [metric("Pods", "pods", metric={"name": "q"}, target={"averageValue": "2"})],
            [metric("Pods", "pods", metric={"name": "q"}, current={"averageValue": "1500m"})],
        ),
        "1500m/2",
    ),
    "of an object": (
        autoscaler(
            [metric("Object", "object", metric={"name": "q"}, target={"value": "2k"})],
            [metric("Object", "object", metric={"name": "q"}, current={"value": "1k"})],
        ),
        "1k/2k",
    ),
    "from outside": (
        autoscaler(
            [metric("External", "external", metric={"name": "q"}, target={"averageValue": "30"})],
            [metric("External", "external", metric={"name": "q"}, current={"value": "1"})],
        ),
        "<unknown>/30 (avg)",
    ),
    "of a kind to come": (autoscaler([{"type": "Dreamt"}]), "<unknown type>"),
    "many": (
        autoscaler([cpu(averageUtilization=10), cpu(averageUtilization=20), cpu(averageUtilization=30)]),
        "cpu: <unknown>/10%, cpu: <unknown>/20% + 1 more...",
    ),
}


@pytest.mark.parametrize(("value", "targets"), AUTOSCALERS.values(), ids=AUTOSCALERS)
def test_autoscalers(value: dict[str, Any], targets: str) -> None:
    assert cells(kinds.HORIZONTAL_POD_AUTOSCALER, value) == {
        "Name": "x",
        "Reference": "Deployment/web",
        "Targets": targets,
        "MinPods": "<unset>",
        "MaxPods": "5",
        "Replicas": "3",
        "Age": CREATED,
    }
