"""Status, scale, eviction and finalize of the kinds that have them, as clients call them."""

import asyncio
import json
from typing import Any

import pytest

from knarr.api import codec, kinds
from knarr.api.kinds import KINDS, Kind
from knarr.errors import ApiError, BadRequest, Conflict, Invalid, MethodNotAllowed, NotFound, TooManyRequests
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world

TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {"containers": [{"name": "c", "image": "i:1"}]},
}
SELECTED = {"selector": {"matchLabels": {"app": "a"}}, "template": TEMPLATE}
SCALED: dict[str, tuple[Kind, dict[str, Any]]] = {
    "deployment": (kinds.DEPLOYMENT, SELECTED),
    "replica set": (kinds.REPLICA_SET, SELECTED),
    "stateful set": (kinds.STATEFUL_SET, {**SELECTED, "serviceName": "s"}),
    "replication controller": (
        kinds.REPLICATION_CONTROLLER,
        {"selector": {"app": "a"}, "template": TEMPLATE},
    ),
}


def reference(kind: Kind, name: str = "obj") -> wire.Reference:
    namespace = "default" if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace, name=name)


def body(value: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(value).encode())


def by(manager: str, *, dry_run: bool = False) -> wire.WriteOptions:
    return wire.WriteOptions(field_manager=manager, dry_run=dry_run)


async def create(world: ApiWorld, kind: Kind, spec: dict[str, Any], manager: str = "creator") -> Any:
    document = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "obj"}, "spec": spec}
    request = wire.CreateRequest(reference=reference(kind, ""), body=body(document), options=by(manager))
    return kind.message.FromString((await world.writes.create(request)).object)


def scale_document(replicas: int, **own: Any) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "obj", "namespace": "default", **own},
        "spec": {"replicas": replicas},
    }


async def apply_scale(
    world: ApiWorld, kind: Kind, replicas: int, manager: str, *, force: bool = False, dry_run: bool = False
) -> autoscaling.Scale:
    request = wire.ApplyRequest(
        reference=reference(kind),
        body=body(scale_document(replicas)),
        options=by(manager, dry_run=dry_run),
        force=force,
        subresource="scale",
    )
    return autoscaling.Scale.FromString((await world.writes.apply(request)).object)


async def get_scale(world: ApiWorld, kind: Kind) -> autoscaling.Scale:
    got = await world.reads.get(wire.GetRequest(reference=reference(kind), subresource="scale"))
    return autoscaling.Scale.FromString(got.object)


def owners(own: meta.ObjectMeta) -> set[tuple[str, str, str]]:
    """Who owns spec.replicas."""
    return {
        (entry.manager, entry.operation, entry.subresource)
        for entry in own.managedFields
        if "f:replicas" in json.loads(entry.fieldsV1.Raw).get("f:spec", {})
    }


# scale


@pytest.mark.parametrize(("kind", "spec"), SCALED.values(), ids=SCALED)
async def test_every_scaled_kind_is_scaled(kind: Kind, spec: dict[str, Any]) -> None:
    async with api_world() as world:
        created = await create(world, kind, {**spec, "replicas": 2})
        scale = await get_scale(world, kind)
        assert (scale.spec.replicas, scale.status.selector) == (2, "app=a")
        assert scale.metadata.uid == created.metadata.uid
        assert owners(scale.metadata) == {("creator", "Update", "")}
        put = wire.UpdateRequest(
            reference=reference(kind),
            body=body(scale_document(5, resourceVersion=scale.metadata.resourceVersion)),
            subresource="scale",
            options=by("scaler"),
        )
        answered = autoscaling.Scale.FromString((await world.writes.update(put)).object)
        assert (answered.spec.replicas, owners(answered.metadata)) == (5, {("scaler", "Update", "scale")})
        with pytest.raises(Conflict):
            await world.writes.update(put)  # that version is gone
        patch = wire.PatchRequest(
            reference=reference(kind),
            type=wire.PatchRequest.MERGE,
            patch=b'{"spec":{"replicas":0}}',
            subresource="scale",
        )
        await world.writes.patch(patch)
        stored: Any = await world.api.get(kind, "default", "obj")
        assert (stored.spec.replicas, stored.metadata.generation) == (0, 3)


async def test_a_scale_of_another_object_is_refused() -> None:
    async with api_world() as world:
        await create(world, kinds.DEPLOYMENT, SELECTED)
        put = wire.UpdateRequest(
            reference=reference(kinds.DEPLOYMENT),
            body=body(scale_document(5, uid="another")),
            subresource="scale",
        )
        with pytest.raises(Conflict, match="Precondition failed: UID"):
            await world.writes.update(put)


async def test_replicas_are_owned_through_scale() -> None:
    """An applier of the object meets who scaled it, and the other way round."""
    kind = kinds.DEPLOYMENT
    async with api_world() as world:
        document = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "obj"},
            "spec": {**SELECTED, "replicas": 2},
        }
        apply = wire.ApplyRequest(reference=reference(kind), body=body(document), options=by("people"))
        await world.writes.apply(apply)
        with pytest.raises(Conflict) as refused:
            await apply_scale(world, kind, 4, "scaler")
        assert [(cause.field, cause.message) for cause in refused.value.causes] == [
            (".spec.replicas", 'conflict with "people"')
        ]
        rehearsed = await apply_scale(world, kind, 4, "scaler", force=True, dry_run=True)
        assert rehearsed.spec.replicas == 4
        assert (await get_scale(world, kind)).spec.replicas == 2
        forced = await apply_scale(world, kind, 4, "scaler", force=True)
        assert owners(forced.metadata) == {("scaler", "Apply", "scale")}
        with pytest.raises(Conflict) as refused:
            await world.writes.apply(apply)
        assert [(cause.field, cause.message) for cause in refused.value.causes] == [
            (".spec.replicas", 'conflict with "scaler" with subresource "scale"')
        ]


async def test_applying_the_same_scale_changes_nothing() -> None:
    async with api_world() as world:
        await create(world, kinds.DEPLOYMENT, SELECTED)
        first = await apply_scale(world, kinds.DEPLOYMENT, 3, "scaler", force=True)
        second = await apply_scale(world, kinds.DEPLOYMENT, 3, "scaler")
        assert first == second


async def test_what_is_no_scale_is_refused() -> None:
    async with api_world() as world:
        await create(world, kinds.DEPLOYMENT, SELECTED)
        request = wire.ApplyRequest(
            reference=reference(kinds.DEPLOYMENT),
            body=body({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "obj"}}),
            options=by("scaler"),
            subresource="scale",
        )
        with pytest.raises(BadRequest, match="Scale"):
            await world.writes.apply(request)
        with pytest.raises(Invalid):
            await apply_scale(world, kinds.DEPLOYMENT, -1, "scaler", force=True)


# status


STATUSES: dict[str, dict[str, Any]] = {
    "Deployment": {"observedGeneration": 1, "replicas": 1},
    "Job": {"active": 1},
    "PodDisruptionBudget": {
        "disruptionsAllowed": 2,
        "currentHealthy": 3,
        "desiredHealthy": 1,
        "expectedPods": 3,
    },
}


@pytest.mark.parametrize("name", STATUSES)
async def test_status_is_patched_and_applied_apart_from_the_object(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    specs: dict[str, dict[str, Any]] = {
        "Deployment": SELECTED,
        "Job": {"template": {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
        "PodDisruptionBudget": {"maxUnavailable": 1},
    }
    async with api_world() as world:
        created = await create(world, kind, specs[name])
        document = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"name": "obj"},
            "status": STATUSES[name],
        }
        apply = wire.ApplyRequest(
            reference=reference(kind), body=body(document), options=by("controller"), subresource="status"
        )
        applied: Any = kind.message.FromString((await world.writes.apply(apply)).object)
        assert applied.spec == created.spec
        assert applied.metadata.generation == created.metadata.generation
        assert codec.to_dict(applied)["status"].items() >= STATUSES[name].items()
        # Through the object itself, status stays as it is.
        patch = wire.PatchRequest(
            reference=reference(kind),
            type=wire.PatchRequest.MERGE,
            patch=b'{"status":null,"metadata":{"labels":{"x":"y"}}}',
        )
        patched: Any = kind.message.FromString((await world.writes.patch(patch)).object)
        assert patched.status == applied.status
        patch.subresource = "status"
        patch.patch = b'{"status":null,"spec":null}'
        emptied: Any = kind.message.FromString((await world.writes.patch(patch)).object)
        assert emptied.spec == created.spec
        assert not emptied.status.ListFields()


@pytest.mark.parametrize(
    ("kind", "subresource"),
    [
        (kinds.CONFIG_MAP, "status"),
        (kinds.DAEMON_SET, "scale"),
        (kinds.POD, "ephemeralcontainers"),
        (kinds.DEPLOYMENT, "finalize"),
    ],
    ids=str,
)
async def test_what_a_kind_does_not_have_is_not_found(kind: Kind, subresource: str) -> None:
    async with api_world() as world:
        patch = wire.PatchRequest(
            reference=reference(kind), type=wire.PatchRequest.MERGE, patch=b"{}", subresource=subresource
        )
        apply = wire.ApplyRequest(
            reference=reference(kind), body=body({}), options=by("x"), subresource=subresource
        )
        update = wire.UpdateRequest(reference=reference(kind), body=body({}), subresource=subresource)
        new = wire.CreateRequest(reference=reference(kind), body=body({}), subresource=subresource)
        get = wire.GetRequest(reference=reference(kind), subresource=subresource)
        for answer in (
            world.writes.patch(patch),
            world.writes.apply(apply),
            world.writes.update(update),
            world.writes.create(new),
            world.reads.get(get),
        ):
            with pytest.raises(NotFound, match="could not find the requested resource"):
                await answer


@pytest.mark.parametrize("subresource", ["binding", "eviction"])
async def test_what_is_created_alone_can_neither_be_read_nor_changed(subresource: str) -> None:
    pod = reference(kinds.POD)
    document = body({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "obj"}})
    async with api_world() as world:
        for answer in (
            world.reads.get(wire.GetRequest(reference=pod, subresource=subresource)),
            world.writes.update(wire.UpdateRequest(reference=pod, body=document, subresource=subresource)),
            world.writes.patch(
                wire.PatchRequest(
                    reference=pod, type=wire.PatchRequest.MERGE, patch=b"{}", subresource=subresource
                )
            ),
            world.writes.apply(
                wire.ApplyRequest(reference=pod, body=document, options=by("a"), subresource=subresource)
            ),
        ):
            with pytest.raises(MethodNotAllowed):
                await answer


# eviction


async def running_pods(world: ApiWorld, count: int) -> None:
    for number in range(count):
        pod = core.Pod()
        pod.metadata.name, pod.metadata.namespace = f"p{number}", "default"
        pod.metadata.labels["app"] = "a"
        pod.spec.containers.add(name="c", image="i:1")
        pod.spec.nodeName = "n"
        created: Any = (await world.api.create(kinds.POD, "default", pod, OPTIONS)).obj
        created.status.phase = "Running"
        created.status.conditions.add(type="Ready", status="True")
        await world.api.update_status(kinds.POD, "default", created, OPTIONS)


async def allow(world: ApiWorld, disruptions: int) -> None:
    await create(
        world, kinds.POD_DISRUPTION_BUDGET, {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    )
    patch = {
        "status": {
            "observedGeneration": 1,
            "disruptionsAllowed": disruptions,
            "currentHealthy": 9,
            "desiredHealthy": 1,
            "expectedPods": 9,
        }
    }
    await world.writes.patch(
        wire.PatchRequest(
            reference=reference(kinds.POD_DISRUPTION_BUDGET),
            type=wire.PatchRequest.MERGE,
            patch=json.dumps(patch).encode(),
            subresource="status",
        )
    )


def eviction(name: str) -> wire.CreateRequest:
    document = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return wire.CreateRequest(
        reference=reference(kinds.POD, name), body=body(document), subresource="eviction"
    )


async def test_a_budget_is_spent_exactly_by_evictions_at_once() -> None:
    async with api_world() as world:
        await running_pods(world, 8)
        await allow(world, 3)

        async def evict(name: str) -> ApiError | None:
            try:
                answer = await world.writes.create(eviction(name))
            except ApiError as error:
                return error
            assert answer.status.status == "Success"
            return None

        outcomes = await asyncio.gather(*(evict(f"p{number}") for number in range(8)))
        assert outcomes.count(None) == 3
        refused = [outcome for outcome in outcomes if outcome is not None]
        assert {type(outcome) for outcome in refused} == {TooManyRequests}
        assert {outcome.causes[0].reason for outcome in refused} == {"DisruptionBudget"}
        budget: Any = await world.api.get(kinds.POD_DISRUPTION_BUDGET, "default", "obj")
        assert budget.status.disruptionsAllowed == 0
        pods = world.objects.list(core.Pod, "default")
        going = {pod.metadata.name for pod in pods if pod.metadata.HasField("deletionTimestamp")}
        assert going == set(budget.status.disruptedPods)
        reasons = {
            condition.reason
            for pod in pods
            for condition in pod.status.conditions
            if condition.type == "DisruptionTarget" and pod.metadata.name in going
        }
        assert reasons == {"EvictionByEvictionAPI"}


async def test_a_rehearsed_eviction_spends_nothing() -> None:
    async with api_world() as world:
        await running_pods(world, 1)
        await allow(world, 1)
        before = await world.api.get(kinds.POD_DISRUPTION_BUDGET, "default", "obj")
        request = eviction("p0")
        request.options.dry_run = True
        await world.writes.create(request)
        assert await world.api.get(kinds.POD_DISRUPTION_BUDGET, "default", "obj") == before
        pod: Any = await world.api.get(kinds.POD, "default", "p0")
        assert not pod.metadata.HasField("deletionTimestamp")


async def test_a_pod_that_is_not_ready_goes_without_a_disruption() -> None:
    async with api_world() as world:
        await running_pods(world, 1)
        await allow(world, 0)
        pod: Any = await world.api.get(kinds.POD, "default", "p0")
        pod.status.conditions[0].status = "False"
        await world.api.update_status(kinds.POD, "default", pod, OPTIONS)
        await world.writes.create(eviction("p0"))
        gone: Any = await world.api.get(kinds.POD, "default", "p0")
        assert gone.metadata.HasField("deletionTimestamp")


# finalize


async def test_finalize_is_about_the_very_namespace() -> None:
    async with api_world(namespaces=("default", "obj")) as world:
        document = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "obj", "uid": "another"},
            "spec": {"finalizers": []},
        }
        request = wire.UpdateRequest(
            reference=reference(kinds.NAMESPACE), body=body(document), subresource="finalize"
        )
        with pytest.raises(Conflict):
            await world.writes.update(request)
        document["metadata"] = {"name": "obj", "labels": {"x": "y"}}
        request.body.CopyFrom(body(document))
        finalized = core.Namespace.FromString((await world.writes.update(request)).object)
        assert not finalized.spec.finalizers
        assert "x" not in finalized.metadata.labels
