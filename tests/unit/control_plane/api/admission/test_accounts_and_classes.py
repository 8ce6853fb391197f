"""Service accounts of pods, and the default classes of claims and ingresses."""

from typing import Any

import pytest

from control_plane.api.admission.accounts import MIRROR
from control_plane.api.api import NewObject, Result
from control_plane.objects.interface import DeleteOptions
from control_plane.store.interface import Write
from knarr.api import kinds
from knarr.errors import Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from tests.support.admitting import claim, create, made, pod_of
from tests.support.api import OPTIONS, ManualClock, api_world
from tests.support.replicas import two_replicas


async def test_a_namespace_is_made_together_with_its_account() -> None:
    async with two_replicas() as (first, second):
        namespace = await create(first, made(core.Namespace, "team", ""))
        account = await second.api.get(kinds.SERVICE_ACCOUNT, "team", "default")
        assert isinstance(account, core.ServiceAccount)
        versions = {int(each.metadata.resourceVersion) // 64 for each in (namespace, account)}
        assert len(versions) == 1
        assert account.metadata.uid not in ("", namespace.metadata.uid)
        pod = pod_of("p")
        pod.metadata.namespace = "team"
        assert (await create(second, pod)).spec.serviceAccountName == "default"


async def test_namespaces_made_in_one_batch_have_their_accounts_too() -> None:
    async with api_world() as world:
        new = [
            NewObject(kinds.NAMESPACE, "", made(core.Namespace, name, ""), OPTIONS)
            for name in ("a", "b", "default")
        ]
        assert [isinstance(each, Result) for each in await world.api.create_all(new)] == [True, True, False]
        for name in "ab":
            await world.api.get(kinds.SERVICE_ACCOUNT, name, "default")


@pytest.mark.parametrize("batch", [False, True])
async def test_an_account_that_is_left_over_is_no_obstacle(batch: bool) -> None:
    async with api_world() as world:
        key = kinds.SERVICE_ACCOUNT.key("team", "default")
        left = made(core.ServiceAccount, "default", "team").SerializeToString()
        await world.store.write([Write(key, left, None)])
        new = NewObject(kinds.NAMESPACE, "", made(core.Namespace, "team", ""), OPTIONS)
        if batch:
            (result,) = await world.api.create_all([new])
            assert isinstance(result, Result)
        else:
            await world.api.create(kinds.NAMESPACE, "", new.obj, OPTIONS)
        record = await world.store.get(key)
        assert record is not None
        assert record.value == left


async def test_an_unknown_account_is_refused_as_kubernetes_does() -> None:
    async with api_world() as world:
        with pytest.raises(Forbidden) as refused:
            await create(world, pod_of("p", serviceAccountName="robot"))
        assert refused.value.message == (
            'pods "p" is forbidden: error looking up service account default/robot: '
            'serviceaccount "robot" not found'
        )
        await create(world, made(core.ServiceAccount, "robot"))
        assert (await create(world, pod_of("p", serviceAccountName="robot"))).spec.serviceAccount == "robot"


async def test_without_the_default_account_pods_are_refused_after_a_moment() -> None:
    async with api_world() as world:
        await world.writer.delete(kinds.SERVICE_ACCOUNT, "default", "default", DeleteOptions())
        with pytest.raises(Forbidden, match='serviceaccount "default" not found'):
            await create(world, pod_of("p"))


async def test_pods_of_a_node_itself_have_no_account() -> None:
    async with api_world() as world:
        await world.writer.delete(kinds.SERVICE_ACCOUNT, "default", "default", DeleteOptions())
        pod = pod_of("p", nodeName="n")
        pod.metadata.annotations[MIRROR] = "x"
        await create(world, pod)


async def test_secrets_for_pulling_images_come_from_the_account() -> None:
    async with api_world() as world:
        account = made(core.ServiceAccount, "robot", imagePullSecrets=[{"name": "one"}, {"name": "two"}])
        await create(world, account)
        filled = await create(world, pod_of("p", serviceAccountName="robot"))
        assert [secret.name for secret in filled.spec.imagePullSecrets] == ["one", "two"]
        own = pod_of("q", serviceAccountName="robot", imagePullSecrets=[{"name": "three"}])
        assert [secret.name for secret in (await create(world, own)).spec.imagePullSecrets] == ["three"]


def storage_class(name: str, **annotations: str) -> storage.StorageClass:
    notes = {f"storageclass.kubernetes.io/{key}": value for key, value in annotations.items()}
    return made(storage.StorageClass, name, "", metadata={"annotations": notes}, provisioner="p.example")


async def test_a_claim_without_a_class_gets_the_newest_default() -> None:
    clock = ManualClock()
    async with api_world(clock=clock) as world:
        none: Any = await create(world, claim("none"))
        assert not none.spec.HasField("storageClassName")
        for name in ("old", "new"):
            await create(world, storage_class(name, **{"is-default-class": "true"}))
            clock.time += 10
        await create(world, storage_class("other"))
        assert (await create(world, claim("filled"))).spec.storageClassName == "new"
        assert (await create(world, claim("own", storageClassName="other"))).spec.storageClassName == "other"
        empty: Any = await create(world, claim("empty", storageClassName=""))
        assert empty.spec.storageClassName == ""
        old = claim("beta")
        old.metadata.annotations["volume.beta.kubernetes.io/storage-class"] = "other"
        assert not (await create(world, old)).spec.HasField("storageClassName")


async def test_an_ingress_without_a_class_gets_the_default() -> None:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    note = {"ingressclass.kubernetes.io/is-default-class": "true"}
    async with api_world() as world:
        await create(
            world,
            made(
                networking.IngressClass,
                "edge",
                "",
                metadata={"annotations": note},
                spec={"controller": "x.example/edge"},
            ),
        )
        filled = await create(world, made(networking.Ingress, "i", spec={"defaultBackend": backend}))
        assert filled.spec.ingressClassName == "edge"
        old = made(networking.Ingress, "j", spec={"defaultBackend": backend})
        old.metadata.annotations["kubernetes.io/ingress.class"] = "other"
        assert not (await create(world, old)).spec.HasField("ingressClassName")
