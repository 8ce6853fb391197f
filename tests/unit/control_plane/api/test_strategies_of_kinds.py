"""What the server does to objects of single kinds beyond defaults: through the whole path of a write."""

from collections.abc import Callable
from typing import Any

import pytest

from knarr.api import codec, kinds
from knarr.api.kinds import Kind
from knarr.errors import Invalid
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.api import OPTIONS, ApiWorld, api_world

POD_SPEC = {"containers": [{"name": "c", "image": "i:1"}]}
JOB_TEMPLATE = {"spec": {**POD_SPEC, "restartPolicy": "Never"}}


def template(app: str = "a") -> dict[str, Any]:
    return {"metadata": {"labels": {"app": app}}, "spec": POD_SPEC}


def selected(**spec: Any) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": "a"}}, "template": template(), **spec}


def made(kind: Kind, content: dict[str, Any], **own: Any) -> Any:
    meta = {"name": "obj", **({"namespace": "default"} if kind.namespaced else {}), **own}
    return codec.from_dict({"metadata": meta, **content}, kind.message)


async def create(world: ApiWorld, kind: Kind, content: dict[str, Any], **own: Any) -> Any:
    namespace = "default" if kind.namespaced else ""
    return (await world.api.create(kind, namespace, made(kind, content, **own), OPTIONS)).obj


async def change(world: ApiWorld, kind: Kind, alter: Callable[[Any], None]) -> Any:
    def changed(current: Any) -> Any:
        alter(current)
        return current

    namespace = "default" if kind.namespaced else ""
    return (await world.api.change(kind, namespace, "obj", changed, OPTIONS)).obj


# generation: what is created, how it is changed, and the generation after that

BEGINS: dict[str, tuple[Kind, dict[str, Any], int]] = {
    "pod": (kinds.POD, {"spec": POD_SPEC}, 1),
    "deployment": (kinds.DEPLOYMENT, {"spec": selected()}, 1),
    "replica set": (kinds.REPLICA_SET, {"spec": selected()}, 1),
    "stateful set": (kinds.STATEFUL_SET, {"spec": selected(serviceName="s")}, 1),
    "daemon set": (kinds.DAEMON_SET, {"spec": selected()}, 1),
    "job": (kinds.JOB, {"spec": {"template": JOB_TEMPLATE}}, 1),
    "cron job": (
        kinds.CRON_JOB,
        {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}},
        1,
    ),
    "budget": (kinds.POD_DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 1}}, 1),
    "network policy": (kinds.NETWORK_POLICY, {"spec": {"podSelector": {}}}, 1),
    "priority class": (kinds.PRIORITY_CLASS, {"value": 5}, 1),
    "config map": (kinds.CONFIG_MAP, {"data": {"a": "b"}}, 0),
    "service": (kinds.SERVICE, {"spec": {"ports": [{"port": 80}]}}, 0),
    "claim": (
        kinds.PERSISTENT_VOLUME_CLAIM,
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        0,
    ),
}


@pytest.mark.parametrize(("kind", "content", "generation"), BEGINS.values(), ids=BEGINS)
async def test_generation_begins_where_the_kind_counts_it(
    kind: Kind, content: dict[str, Any], generation: int
) -> None:
    async with api_world() as world:
        assert (await create(world, kind, content)).metadata.generation == generation


# What files do not have: a selector made of the uid, what admission added, protection of what is in use.
REPLACEABLE = {name: case for name, case in BEGINS.items() if name not in ("pod", "job", "claim")}


@pytest.mark.parametrize(("kind", "content", "generation"), REPLACEABLE.values(), ids=REPLACEABLE)
async def test_a_body_without_defaults_is_no_change(
    kind: Kind, content: dict[str, Any], generation: int
) -> None:
    """What is replaced with the same file again has not changed."""
    async with api_world() as world:
        stored = await create(world, kind, content)
        again = made(kind, content, resourceVersion=stored.metadata.resourceVersion)
        namespace = "default" if kind.namespaced else ""
        result: Any = (await world.api.update(kind, namespace, again, OPTIONS)).obj
        assert result == stored


COUNTED: dict[str, tuple[Kind, dict[str, Any], Callable[[Any], None], int]] = {
    "spec": (kinds.DEPLOYMENT, {"spec": selected()}, lambda obj: setattr(obj.spec, "paused", True), 2),
    "annotations of a deployment": (
        kinds.DEPLOYMENT,
        {"spec": selected()},
        lambda obj: obj.metadata.annotations.update(x="y"),
        2,
    ),
    "labels of a deployment": (
        kinds.DEPLOYMENT,
        {"spec": selected()},
        lambda obj: obj.metadata.labels.update(x="y"),
        1,
    ),
    "annotations of another kind": (
        kinds.REPLICA_SET,
        {"spec": selected()},
        lambda obj: obj.metadata.annotations.update(x="y"),
        1,
    ),
    "a priority class counts nothing": (
        kinds.PRIORITY_CLASS,
        {"value": 5},
        lambda obj: setattr(obj, "description", "text"),
        1,
    ),
}


@pytest.mark.parametrize(("kind", "content", "alter", "generation"), COUNTED.values(), ids=COUNTED)
async def test_what_counts_as_a_generation(
    kind: Kind, content: dict[str, Any], alter: Callable[[Any], None], generation: int
) -> None:
    async with api_world() as world:
        await create(world, kind, content)
        assert (await change(world, kind, alter)).metadata.generation == generation


# single kinds


async def test_a_job_knows_its_pods_by_its_uid() -> None:
    async with api_world() as world:
        job = await create(world, kinds.JOB, {"spec": {"template": JOB_TEMPLATE}})
        uid = job.metadata.uid
        assert dict(job.spec.selector.matchLabels) == {"batch.kubernetes.io/controller-uid": uid}
        labels = dict(job.spec.template.metadata.labels)
        assert labels["batch.kubernetes.io/controller-uid"] == uid
        assert labels["job-name"] == "obj"
        assert dict(job.metadata.labels) == labels
        changed = await change(world, kinds.JOB, lambda obj: setattr(obj.spec, "parallelism", 3))
        assert changed.spec.selector == job.spec.selector


async def test_a_daemon_set_counts_its_templates() -> None:
    key = "deprecated.daemonset.template.generation"
    async with api_world() as world:
        first = await create(world, kinds.DAEMON_SET, {"spec": selected()})

        def forge(obj: Any) -> None:
            obj.metadata.annotations[key] = "77"
            obj.spec.minReadySeconds = 5

        def retemplate(obj: Any) -> None:
            del obj.metadata.annotations[key]
            obj.spec.template.spec.containers[0].image = "i:2"

        forged = await change(world, kinds.DAEMON_SET, forge)
        second = await change(world, kinds.DAEMON_SET, retemplate)
        counted = [each.metadata.annotations[key] for each in (first, forged, second)]
        assert counted == ["1", "1", "2"]


async def test_a_service_keeps_what_was_allocated() -> None:
    async with api_world() as world:
        content = {"spec": {"clusterIP": "10.96.3.4", "ports": [{"port": 80}]}}
        service = await create(world, kinds.SERVICE, content)

        def leave_out(obj: Any) -> None:
            obj.spec.ClearField("clusterIP")
            obj.spec.ClearField("clusterIPs")
            obj.spec.selector["app"] = "a"

        changed = await change(world, kinds.SERVICE, leave_out)
        assert changed.spec.clusterIP == service.spec.clusterIP == "10.96.3.4"


async def test_an_account_keeps_the_names_of_secrets_alone() -> None:
    async with api_world() as world:
        account = await create(world, kinds.SERVICE_ACCOUNT, {"secrets": [{"name": "s", "kind": "Secret"}]})
        assert codec.to_dict(account)["secrets"] == [{"name": "s"}]


async def test_a_gated_pod_says_that_it_waits() -> None:
    async with api_world() as world:
        gated = await create(world, kinds.POD, {"spec": {**POD_SPEC, "schedulingGates": [{"name": "g"}]}})
        (condition,) = gated.status.conditions
        assert (condition.type, condition.status, condition.reason) == (
            "PodScheduled",
            "False",
            "SchedulingGated",
        )


async def test_a_writer_of_status_that_knows_less_takes_nothing_away() -> None:
    async with api_world() as world:
        pod = await create(world, kinds.POD, {"spec": POD_SPEC})
        pod.status.observedGeneration = 4
        pod.status.conditions.add(type="Ready", status="False", observedGeneration=4)
        await world.api.update_status(kinds.POD, "default", pod, OPTIONS)
        less = core.Pod(metadata=pod.metadata)
        less.metadata.resourceVersion = ""
        less.status.phase = "Running"
        less.status.conditions.add(type="Ready", status="True")
        status: Any = (await world.api.update_status(kinds.POD, "default", less, OPTIONS)).obj
        assert status.status.qosClass == "BestEffort"
        assert status.status.observedGeneration == 4
        assert status.status.conditions[0].observedGeneration == 4


# whose version must be named


@pytest.mark.parametrize("version", ["", "0"])
async def test_a_budget_is_replaced_in_a_named_version_alone(version: str) -> None:
    async with api_world() as world:
        await create(world, kinds.POD_DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 1}})
        again = made(kinds.POD_DISRUPTION_BUDGET, {"spec": {"maxUnavailable": 2}}, resourceVersion=version)
        with pytest.raises(Invalid) as refused:
            await world.api.update(kinds.POD_DISRUPTION_BUDGET, "default", again, OPTIONS)
        (cause,) = refused.value.causes
        assert (cause.field, cause.reason) == ("metadata.resourceVersion", "FieldValueInvalid")
        assert "must be specified for an update" in cause.message
        # A change reads first, and so names a version.
        await change(
            world,
            kinds.POD_DISRUPTION_BUDGET,
            lambda obj: obj.metadata.labels.update(x="y"),
        )
