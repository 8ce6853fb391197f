"""Creating, changing and deleting through the whole in-process path, on a store in memory."""

import json
from typing import Any

import pytest

from control_plane.api.api import NewObject, WriteOptions
from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import DeleteOptions
from knarr.api.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE, POD, Kind
from knarr.errors import AlreadyExists, ApiError, BadRequest, Conflict, Forbidden, Invalid, NotFound, TooLarge
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, ManualClock, api_world

DRY = WriteOptions(manager="tests", dry_run=True)


def config_map(name: str = "c", value: str = "1", **own: Any) -> core.ConfigMap:
    made = core.ConfigMap(metadata=meta.ObjectMeta(name=name, **own), data={"v": value})
    made.metadata.namespace = "default"
    return made


def deployment(replicas: int = 1) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i:1"}]},
            },
        },
    }


def reference(kind: Kind, name: str = "") -> wire.Reference:
    namespace = "default" if kind.namespaced else ""
    return wire.Reference(api_version=kind.api_version, kind=kind.name, namespace=namespace, name=name)


def body(value: dict[str, Any]) -> wire.Body:
    return wire.Body(json=json.dumps(value).encode())


async def make_deployment(world: ApiWorld, replicas: int = 1) -> apps.Deployment:
    request = wire.CreateRequest(reference=reference(DEPLOYMENT), body=body(deployment(replicas)))
    return apps.Deployment.FromString((await world.writes.create(request)).object)


# create


async def test_a_create_fills_in_defaults_and_identity() -> None:
    async with api_world(clock=ManualClock(1_000)) as world:
        made = await make_deployment(world)
        assert made.metadata.uid
        assert made.metadata.creationTimestamp.seconds == 1_000
        assert made.metadata.generation == 1
        assert made.spec.strategy.type == "RollingUpdate"
        assert made == await world.api.get(DEPLOYMENT, "default", "web")
        assert world.objects.get(apps.Deployment, "default", "web") == made


async def test_a_name_is_taken_once() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        with pytest.raises(AlreadyExists, match=r'^configmaps "c" already exists$'):
            await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        with pytest.raises(AlreadyExists):
            await world.api.create(CONFIG_MAP, "default", config_map(), DRY)


async def test_names_are_generated() -> None:
    async with api_world() as world:
        names = set()
        for _ in range(20):
            made: Any = await world.api.create(
                CONFIG_MAP, "default", config_map("", generateName="job-"), OPTIONS
            )
            names.add(made.obj.metadata.name)
        assert len(names) == 20
        assert all(name.startswith("job-") and len(name) == 9 for name in names)
        long = config_map("", generateName="x" * 100)
        named: Any = await world.api.create(CONFIG_MAP, "default", long, OPTIONS)
        assert len(named.obj.metadata.name) == 63


class _SameSuffix:
    """Ids that run into each other."""

    def __init__(self) -> None:
        self.tries = 0

    def uid(self) -> str:
        return "u"

    def suffix(self, length: int) -> str:
        self.tries += 1
        return "x" * length

    def token(self) -> str:
        return "t"


async def test_generated_names_are_tried_a_few_times() -> None:
    ids = _SameSuffix()
    async with api_world(ids=ids) as world:
        await world.api.create(CONFIG_MAP, "default", config_map("", generateName="a-"), OPTIONS)
        with pytest.raises(AlreadyExists, match="was not able to generate a unique name") as caught:
            await world.api.create(CONFIG_MAP, "default", config_map("", generateName="a-"), OPTIONS)
        assert caught.value.retry_after_s == 1
        assert ids.tries == 1 + 8


async def test_the_callers_object_is_left_alone() -> None:
    async with api_world() as world:
        given, before = config_map(), config_map()
        await world.api.create(CONFIG_MAP, "default", given, OPTIONS)
        assert given == before


@pytest.mark.parametrize(
    ("obj", "namespace", "error"),
    [
        (config_map(resourceVersion="5"), "default", BadRequest),
        (config_map(), "other", BadRequest),
        (config_map("Bad_Name"), "default", Invalid),
        (core.ConfigMap(metadata=meta.ObjectMeta(name="c")), "", BadRequest),
        (core.ConfigMap(metadata=meta.ObjectMeta(name="c")), "nowhere", NotFound),
    ],
)
async def test_refused_creates(obj: core.ConfigMap, namespace: str, error: type[Exception]) -> None:
    async with api_world() as world:
        with pytest.raises(error):
            await world.api.create(CONFIG_MAP, namespace, obj, OPTIONS)
        assert world.objects.list(core.ConfigMap) == []


async def test_all_faults_of_an_object_are_told_at_once() -> None:
    async with api_world() as world:
        document = deployment(-1)
        document["metadata"]["name"] = "Web"
        document["spec"]["template"]["spec"]["hostPID"] = True
        with pytest.raises(Invalid) as refused:
            await world.writes.create(
                wire.CreateRequest(reference=reference(DEPLOYMENT), body=body(document))
            )
        fields = {cause.field for cause in refused.value.causes}
        assert {"metadata.name", "spec.replicas", "spec.template.spec.hostPID"} <= fields


async def test_an_object_that_is_too_large_is_refused_with_its_size() -> None:
    async with api_world(settings=ApiSettings(max_object_bytes=10_000)) as world:
        with pytest.raises(TooLarge, match="the limit is 10000 bytes"):
            await world.api.create(CONFIG_MAP, "default", config_map(value="x" * 20_000), OPTIONS)
        with pytest.raises(TooLarge):
            await world.api.create(CONFIG_MAP, "default", config_map(value="x" * 20_000), DRY)
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        with pytest.raises(TooLarge):
            await world.api.update(CONFIG_MAP, "default", config_map(value="x" * 20_000), OPTIONS)


# change


async def test_an_unconditional_update_replaces() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        result = await world.api.update(CONFIG_MAP, "default", config_map(value="2"), OPTIONS)
        assert result.outcome == wire.CONFIGURED
        stored = world.objects.get(core.ConfigMap, "default", "c")
        assert stored is not None
        assert stored.data["v"] == "2"


async def test_a_stale_version_is_a_conflict() -> None:
    async with api_world() as world:
        first: Any = (await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)).obj
        second: Any = (await world.api.update(CONFIG_MAP, "default", config_map(value="2"), OPTIONS)).obj
        first.data["v"] = second.data["v"] = "3"
        with pytest.raises(Conflict, match="the object has been modified"):
            await world.api.update(CONFIG_MAP, "default", first, OPTIONS)
        assert (await world.api.update(CONFIG_MAP, "default", second, OPTIONS)).outcome == wire.CONFIGURED


async def test_the_uid_names_the_object() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        with pytest.raises(Conflict, match="UID in precondition: other"):
            await world.api.update(CONFIG_MAP, "default", config_map(value="2", uid="other"), OPTIONS)


async def test_what_changes_nothing_is_not_written() -> None:
    async with api_world() as world:
        made: Any = (await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)).obj
        again = await world.api.update(CONFIG_MAP, "default", config_map(), OPTIONS)
        assert again.outcome == wire.UNCHANGED
        assert again.obj == made
        other = WriteOptions(manager="somebody-else")
        assert (await world.api.update(CONFIG_MAP, "default", config_map(), other)).outcome == wire.UNCHANGED


async def test_dry_runs_change_nothing() -> None:
    async with api_world() as world:
        created = await world.api.create(CONFIG_MAP, "default", config_map(), DRY)
        assert created.outcome == wire.CREATED
        with pytest.raises(NotFound):
            await world.api.get(CONFIG_MAP, "default", "c")
        stored: Any = (await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)).obj
        changed: Any = await world.api.update(CONFIG_MAP, "default", config_map(value="2"), DRY)
        assert (changed.outcome, changed.obj.data["v"]) == (wire.CONFIGURED, "2")
        deleted = await world.api.delete(CONFIG_MAP, "default", "c", DeleteOptions(), dry_run=True)
        assert deleted.outcome == wire.DELETED
        assert await world.api.get(CONFIG_MAP, "default", "c") == stored


async def test_generation_counts_spec_and_status_is_its_own() -> None:
    async with api_world() as world:
        made = await make_deployment(world)
        made.status.replicas = 1
        made.spec.replicas = 7
        status: Any = (await world.api.update_status(DEPLOYMENT, "default", made, OPTIONS)).obj
        assert (status.metadata.generation, status.spec.replicas, status.status.replicas) == (1, 1, 1)
        status.spec.replicas, status.status.replicas = 2, 9
        updated: Any = (await world.api.update(DEPLOYMENT, "default", status, OPTIONS)).obj
        assert (updated.metadata.generation, updated.spec.replicas, updated.status.replicas) == (2, 2, 1)


async def test_a_kind_without_status_has_no_such_subresource() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        with pytest.raises(NotFound, match="could not find the requested resource"):
            await world.api.update_status(CONFIG_MAP, "default", config_map(), OPTIONS)


async def test_a_patch_of_status_leaves_spec_alone() -> None:
    async with api_world() as world:
        await make_deployment(world)
        patch = {"spec": {"replicas": 9}, "status": {"replicas": 1}}
        answer = await world.writes.patch(
            wire.PatchRequest(
                reference=reference(DEPLOYMENT, "web"),
                type=wire.PatchRequest.MERGE,
                patch=json.dumps(patch).encode(),
                subresource="status",
            )
        )
        patched = apps.Deployment.FromString(answer.object)
        assert (patched.spec.replicas, patched.status.replicas) == (1, 1)


@pytest.mark.parametrize(
    ("type_", "patch"),
    [
        (
            wire.PatchRequest.STRATEGIC,
            {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}},
        ),
        (
            wire.PatchRequest.JSON,
            [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "i:2"}],
        ),
    ],
)
async def test_patches(type_: "wire.PatchRequest.Type.ValueType", patch: Any) -> None:
    async with api_world() as world:
        await make_deployment(world)
        request = wire.PatchRequest(
            reference=reference(DEPLOYMENT, "web"), type=type_, patch=json.dumps(patch).encode()
        )
        patched = apps.Deployment.FromString((await world.writes.patch(request)).object)
        assert patched.spec.template.spec.containers[0].image == "i:2"
        assert patched.metadata.generation == 2
        assert (await world.writes.patch(request)).outcome == wire.UNCHANGED


async def test_a_patch_may_name_the_version_it_is_for() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        patch = json.dumps({"metadata": {"resourceVersion": "1"}, "data": {"v": "2"}}).encode()
        with pytest.raises(Conflict):
            await world.writes.patch(
                wire.PatchRequest(
                    reference=reference(CONFIG_MAP, "c"), type=wire.PatchRequest.MERGE, patch=patch
                )
            )


async def test_scale() -> None:
    async with api_world() as world:
        await make_deployment(world, 2)
        got = await world.reads.get(
            wire.GetRequest(reference=reference(DEPLOYMENT, "web"), subresource="scale")
        )
        scale = autoscaling.Scale.FromString(got.object)
        assert (scale.spec.replicas, scale.status.selector) == (2, "app=web")
        scale.spec.replicas = 5
        request = wire.UpdateRequest(
            reference=reference(DEPLOYMENT, "web"),
            body=wire.Body(protobuf=scale.SerializeToString()),
            subresource="scale",
        )
        answer = await world.writes.update(request)
        assert autoscaling.Scale.FromString(answer.object).spec.replicas == 5
        with pytest.raises(Conflict):
            await world.writes.update(request)
        patch = wire.PatchRequest(
            reference=reference(DEPLOYMENT, "web"),
            type=wire.PatchRequest.MERGE,
            patch=b'{"spec":{"replicas":3}}',
            subresource="scale",
        )
        patched = autoscaling.Scale.FromString((await world.writes.patch(patch)).object)
        assert patched.spec.replicas == 3
        stored = world.objects.get(apps.Deployment, "default", "web")
        assert stored is not None
        assert (stored.spec.replicas, stored.metadata.generation) == (3, 3)
        patch.patch = b'{"spec":{"replicas":-3}}'
        with pytest.raises(Invalid):
            await world.writes.patch(patch)


async def test_apply_creates_changes_and_guards_fields() -> None:
    async with api_world() as world:

        def request(manager: str, replicas: int, *, force: bool = False) -> wire.ApplyRequest:
            return wire.ApplyRequest(
                reference=reference(DEPLOYMENT, "web"),
                body=body(deployment(replicas)),
                options=wire.WriteOptions(field_manager=manager),
                force=force,
            )

        assert (await world.writes.apply(request("one", 1))).outcome == wire.CREATED
        assert (await world.writes.apply(request("one", 1))).outcome == wire.UNCHANGED
        assert (await world.writes.apply(request("one", 2))).outcome == wire.CONFIGURED
        with pytest.raises(Conflict) as refused:
            await world.writes.apply(request("two", 3))
        assert refused.value.causes[0].field == ".spec.replicas"
        assert (await world.writes.apply(request("two", 3, force=True))).outcome == wire.CONFIGURED


async def test_an_apply_needs_a_manager_and_a_document() -> None:
    async with api_world() as world:
        with pytest.raises(Invalid, match="fieldManager"):
            await world.writes.apply(
                wire.ApplyRequest(reference=reference(DEPLOYMENT, "web"), body=body(deployment()))
            )
        protobuf = wire.ApplyRequest(
            reference=reference(CONFIG_MAP, "c"),
            body=wire.Body(protobuf=config_map().SerializeToString()),
            options=wire.WriteOptions(field_manager="one"),
        )
        with pytest.raises(BadRequest, match="JSON or YAML"):
            await world.writes.apply(protobuf)


# delete


async def test_the_last_finalizer_lets_an_object_go() -> None:
    async with api_world() as world:
        held = config_map(finalizers=["example.com/a"])
        await world.api.create(CONFIG_MAP, "default", held, OPTIONS)
        result = await world.api.delete(CONFIG_MAP, "default", "c", DeleteOptions())
        assert result.outcome == wire.DELETING
        with pytest.raises(AlreadyExists, match="object is being deleted"):
            await world.api.create(CONFIG_MAP, "default", config_map(), OPTIONS)
        freed = await world.api.update(CONFIG_MAP, "default", config_map(), OPTIONS)
        assert freed.outcome == wire.DELETED
        with pytest.raises(NotFound):
            await world.api.get(CONFIG_MAP, "default", "c")


async def test_what_may_not_be_deleted() -> None:
    async with api_world() as world:
        with pytest.raises(Forbidden):
            await world.api.delete(NAMESPACE, "", "default", DeleteOptions())


async def test_nothing_new_comes_into_a_namespace_on_its_way_out() -> None:
    async with api_world(namespaces=("default", "team")) as world:
        await world.api.delete(NAMESPACE, "", "team", DeleteOptions())
        obj = config_map()
        obj.metadata.namespace = "team"
        with pytest.raises(Forbidden, match="because it is being terminated"):
            await world.api.create(CONFIG_MAP, "team", obj, OPTIONS)


async def test_a_pod_that_goes_is_announced_to_clients_and_not_to_agents() -> None:
    async with api_world() as world:
        versions = []
        for announce in (True, False):
            pod = core.Pod(metadata=meta.ObjectMeta(name="p", namespace="default"))
            pod.spec.containers.add(name="c", image="i:1")
            made: Any = (await world.api.create(POD, "default", pod, OPTIONS)).obj
            await world.api.delete(POD, "default", "p", DeleteOptions(), announce=announce)
            after = await world.store.list(POD.prefix)
            versions.append(after.version // 64 - int(made.metadata.resourceVersion) // 64)
        assert versions == [2, 1]


# batch


async def test_a_batch_answers_each_item_in_order() -> None:
    async with api_world() as world:
        items = [
            wire.BatchItem(
                create=wire.CreateRequest(
                    reference=reference(CONFIG_MAP),
                    body=body({"metadata": {"name": f"c{number % 3}"}, "data": {"n": str(number)}}),
                )
            )
            for number in range(4)
        ]
        items.append(wire.BatchItem(delete=wire.DeleteRequest(reference=reference(CONFIG_MAP, "none"))))
        items.append(wire.BatchItem())
        answer = await world.writes.batch(wire.BatchRequest(items=items))
        outcomes = [each.failed.reason or wire.Outcome.Name(each.done.outcome) for each in answer.outcomes]
        assert outcomes == ["CREATED", "CREATED", "CREATED", "AlreadyExists", "NotFound", "BadRequest"]


async def test_a_batch_is_bounded() -> None:
    async with api_world(settings=ApiSettings(batch_limit=2)) as world:
        with pytest.raises(BadRequest, match="at most 2 items"):
            await world.writes.batch(wire.BatchRequest(items=[wire.BatchItem()] * 3))


async def test_several_creates_each_have_their_outcome() -> None:
    async with api_world() as world:
        await world.api.create(CONFIG_MAP, "default", config_map("taken"), OPTIONS)
        items = [
            NewObject(CONFIG_MAP, "default", config_map("a"), OPTIONS),
            NewObject(CONFIG_MAP, "default", config_map("taken"), OPTIONS),
            NewObject(CONFIG_MAP, "default", config_map("Bad_"), OPTIONS),
            NewObject(CONFIG_MAP, "default", config_map("b"), DRY),
            NewObject(CONFIG_MAP, "default", config_map("taken"), DRY),
            NewObject(CONFIG_MAP, "default", config_map("", generateName="g-"), OPTIONS),
            NewObject(CONFIG_MAP, "default", config_map("large", "x" * 2_000_000), OPTIONS),
        ]
        outcomes = [
            type(each).__name__ if isinstance(each, ApiError) else wire.Outcome.Name(each.outcome)
            for each in await world.api.create_all(items)
        ]
        assert outcomes == [
            "CREATED",
            "AlreadyExists",
            "Invalid",
            "CREATED",
            "AlreadyExists",
            "CREATED",
            "Invalid",
        ]
        stored = {each.metadata.name for each in world.objects.list(core.ConfigMap, "default")}
        assert len(stored) == 3
        assert {"a", "taken"} < stored
        assert await world.api.create_all([]) == []


async def test_names_generated_together_do_not_run_into_each_other() -> None:
    suffixes = iter(["x", "x", "x", "y", "z"])

    class Ids(_SameSuffix):
        def suffix(self, length: int) -> str:
            return next(suffixes)

    async with api_world(ids=Ids()) as world:
        items = [NewObject(CONFIG_MAP, "default", config_map("", generateName="g-"), OPTIONS)] * 3
        results = await world.api.create_all(items)
        names = [each.obj.metadata.name for each in results]  # type: ignore[union-attr]
        assert names == ["g-x", "g-y", "g-z"]
