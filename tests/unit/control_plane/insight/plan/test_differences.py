"""What is told of a change, field by field."""

from typing import Any

import pytest

from control_plane.insight.plan.differences import changes
from knarr.api.codec import from_dict
from knarr.proto.kubernetes import apps_v1_pb2 as apps

Row = tuple[str, str, str]


def deployment(replicas: int = 1, labels: dict[str, str] | None = None, **container: Any) -> apps.Deployment:
    return with_containers([{"name": "main", "image": "a", **container}], replicas, labels)


def with_containers(
    containers: list[dict[str, Any]], replicas: int = 1, labels: dict[str, str] | None = None
) -> apps.Deployment:
    body = {
        "metadata": {"name": "web", "namespace": "default", "labels": labels or {}},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}},
    }
    return from_dict(body, apps.Deployment)


CONTAINERS = "spec.template.spec.containers"
CASES: dict[str, tuple[apps.Deployment, apps.Deployment, list[Row]]] = {
    "nothing": (deployment(), deployment(), []),
    "a number": (deployment(1), deployment(2), [("spec.replicas", "1", "2")]),
    "a container by its name": (
        deployment(image="a"),
        deployment(image="b"),
        [(f"{CONTAINERS}[main].image", '"a"', '"b"')],
    ),
    "a field that comes": (
        deployment(),
        deployment(workingDir="/srv"),
        [(f"{CONTAINERS}[main].workingDir", "", '"/srv"')],
    ),
    "a field that goes": (
        deployment(workingDir="/srv"),
        deployment(),
        [(f"{CONTAINERS}[main].workingDir", '"/srv"', "")],
    ),
    "a list without names": (
        deployment(command=["a", "b"]),
        deployment(command=["a"]),
        [(f"{CONTAINERS}[main].command", '["a", "b"]', '["a"]')],
    ),
    "a container that comes": (
        with_containers([{"name": "main"}]),
        with_containers([{"name": "main"}, {"name": "side"}]),
        [(f"{CONTAINERS}[side]", "", '{"name": "side", "resources": {}}')],
    ),
    "a label with a domain": (
        deployment(labels={"team.example/owner": "a"}),
        deployment(labels={"team.example/owner": "b", "tier": "web"}),
        [('metadata.labels["team.example/owner"]', '"a"', '"b"'), ("metadata.labels.tier", "", '"web"')],
    ),
}


@pytest.mark.parametrize(("before", "after", "told"), CASES.values(), ids=CASES.keys())
def test_what_is_told_of_a_change(before: apps.Deployment, after: apps.Deployment, told: list[Row]) -> None:
    assert [(one.path, one.before, one.after) for one in changes(before, after)] == told


def test_what_the_server_writes_is_not_told() -> None:
    before, after = deployment(), deployment()
    after.metadata.resourceVersion, after.metadata.generation = "7", 3
    after.metadata.managedFields.add(manager="m")
    after.status.replicas = 4
    assert changes(before, after) == []
