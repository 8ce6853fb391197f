"""Informers over gRPC: whatever becomes of the connection, the cache comes to be what a list says, and the
handlers have been told each step of it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from control_plane.api.settings import ApiSettings
from knarr.api.kinds import CONFIG_MAP
from knarr.client import (
    Change,
    ChangeType,
    Client,
    Informer,
    Informers,
    drop_managed_fields,
    node_of,
    owners_of,
)
from knarr.errors import BadRequest
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from tests.support.proxy import Proxy, proxy_to
from tests.support.served import ServedApi, served_api
from tests.support.waiting import until

NAMESPACES = ("default", "kube-system")
STEPS = 150
WEIGHTS = {"put": 60, "delete": 20, "cut": 6, "forget": 6, "restart": 2, "sleep": 10}
# Short memory, so that who was away too long must list again.
SETTINGS = ApiSettings(watch_history=8, watch_batch=3, bookmark_s=0.05)


def config_map(name: str, namespace: str = "default", **data: str) -> core.ConfigMap:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name, namespace=namespace), data=data)


def pod(name: str, node: str = "", owner_uid: str = "") -> core.Pod:
    made = core.Pod(metadata=meta.ObjectMeta(name=name, namespace="default", labels={"app": name[0]}))
    made.spec.nodeName = node
    made.spec.containers.add(name="c", image="i:1")
    if owner_uid:
        made.metadata.ownerReferences.add(
            apiVersion="apps/v1", kind="ReplicaSet", name="rs", uid=owner_uid, controller=True
        )
    return made


class Mirror:
    """What a handler knows, from the changes alone."""

    def __init__(self, informer: Informer[core.ConfigMap]) -> None:
        self.objects: dict[tuple[str, str], core.ConfigMap] = {}
        self.informer = informer
        informer.subscribe(self.take)

    def take(self, change: Change[core.ConfigMap]) -> None:
        key = (change.object.metadata.namespace, change.object.metadata.name)
        assert self.objects.get(key) == change.previous
        assert (change.type is ChangeType.ADDED) == (change.previous is None)
        if change.type is ChangeType.DELETED:
            del self.objects[key]
        else:
            self.objects[key] = change.object


@contextlib.asynccontextmanager
async def world(
    settings: ApiSettings | None = None,
) -> AsyncIterator[tuple[ServedApi, Proxy, Client, Informers]]:
    async with (
        served_api(settings=settings) as api,
        proxy_to(api.address) as proxy,
        Client.connect([api.address]) as client,
        Client.connect([proxy.endpoint]) as disturbed,
        disturbed.informers() as informers,
    ):
        yield api, proxy, client, informers


async def step(what: str, api: ServedApi, proxy: Proxy, client: Client, rng: random.Random) -> None:
    name, namespace = rng.choice("abcdef"), rng.choice(NAMESPACES)
    match what:
        case "put":
            made = config_map(name, namespace, value=str(rng.random()))
            await client.apply(core.ConfigMap, namespace, name, {"data": dict(made.data)})
        case "delete":
            listed = await client.list(core.ConfigMap, namespace)
            if listed.items:
                await client.delete(core.ConfigMap, namespace, rng.choice(listed.items).metadata.name)
        case "cut":
            proxy.cut()
        case "forget":
            proxy.refuse()
            for number in range(10):
                await client.apply(core.ConfigMap, namespace, name, {"data": {"value": str(number)}})
            page = await api.world.store.list(CONFIG_MAP.prefix)
            await api.world.store.compact(page.version)
            proxy.allow()
        case "restart":
            await api.stop()
            await api.start()
        case "sleep":
            await asyncio.sleep(rng.random() * 0.02)


@pytest.mark.parametrize("seed", range(4))
async def test_the_cache_is_what_a_list_says(seed: int) -> None:
    rng = random.Random(seed)
    async with world(SETTINGS) as (api, proxy, client, informers):
        everything = informers.of(core.ConfigMap)
        one_space = informers.of(core.ConfigMap, "default")
        mirrors = [Mirror(everything), Mirror(one_space)]
        for what in rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=STEPS):
            await step(what, api, proxy, client, rng)
        last = await client.create(config_map("last"))
        for informer, mirror in zip((everything, one_space), mirrors, strict=True):
            await informer.seen(last)
            namespace = "" if informer is everything else "default"
            listed = {
                (obj.metadata.namespace, obj.metadata.name): obj
                for obj in (await client.list(core.ConfigMap, namespace)).items
            }
            assert {(obj.metadata.namespace, obj.metadata.name): obj for obj in informer.list()} == listed
            assert mirror.objects == listed
            by_space = {obj.metadata.name for obj in informer.list("default")}
            assert by_space == {name for space, name in listed if space == "default"}


async def test_indexes_follow_the_objects() -> None:
    async with world() as (_, _, client, informers):
        pods = informers.of(core.Pod, indexes={"node": node_of, "owner": owners_of})
        await informers.wait_synced()
        await client.create(core.Node(metadata=meta.ObjectMeta(name="alpha")))
        waiting = await client.create(pod("waiting"))
        owned = await client.create(pod("owned", "alpha", "u-1"))
        await pods.seen(owned)
        assert [found.metadata.name for found in pods.by_index("node", "alpha")] == ["owned"]
        assert [found.metadata.name for found in pods.by_index("owner", "u-1")] == ["owned"]
        await client.bind(waiting, "alpha")
        await until(lambda: len(pods.by_index("node", "alpha")) == 2, "the bound pod is found by its node")
        await client.delete(core.Pod, "default", "owned", grace_s=0)
        await until(lambda: pods.get("default", "owned") is None, "the pod is gone")
        assert [found.metadata.name for found in pods.by_index("node", "alpha")] == ["waiting"]
        assert pods.index_values("owner") == []
        assert [found.metadata.name for found in pods.list(labels="app=w")] == ["waiting"]
        with pytest.raises(KeyError, match="no index zone"):
            pods.by_index("zone", "a")


async def test_an_index_may_come_later_and_has_one_meaning() -> None:
    async with world() as (_, _, client, informers):
        pods = informers.of(core.Pod)
        await pods.wait_synced()
        await pods.seen(await client.create(pod("p", "alpha")))
        assert informers.of(core.Pod, indexes={"node": node_of}) is pods
        assert [found.metadata.name for found in pods.by_index("node", "alpha")] == ["p"]
        with pytest.raises(ValueError, match="another index named node"):
            pods.add_indexes({"node": owners_of})


async def test_what_readers_do_to_an_object_changes_nothing() -> None:
    async with world() as (_, _, client, informers):
        maps = informers.of(core.ConfigMap)
        await maps.wait_synced()
        await maps.seen(await client.create(config_map("a", value="1")))
        found = maps.get("default", "a")
        assert found is not None
        found.data["value"] = "2"
        again = maps.get("default", "a")
        assert again is not None
        assert again.data["value"] == "1"
        assert len(maps) == 1
        assert maps.keys() == [("default", "a")]


async def test_what_nobody_reads_is_not_remembered() -> None:
    async with world() as (_, _, client, informers):
        whole = informers.of(core.ConfigMap)
        lean = informers.of(core.ConfigMap, trim=drop_managed_fields)
        assert whole is not lean
        await informers.wait_synced()
        made = await client.create(config_map("a", value="1"))
        await whole.seen(made)
        await lean.seen(made)
        assert whole.get("default", "a") == made
        assert made.metadata.managedFields
        drop_managed_fields(made)
        assert lean.get("default", "a") == made


async def test_handlers_by_type_of_change() -> None:
    told: list[str] = []
    async with world() as (_, _, client, informers):
        maps = informers.of(core.ConfigMap, "default")
        await client.create(config_map("a", value="1"))
        await maps.wait_synced()
        end = maps.on(
            lambda obj: told.append(f"added {obj.metadata.name}"),
            lambda old, new: told.append(f"{old.data['value']} -> {new.data['value']}"),
            lambda obj: told.append(f"deleted {obj.metadata.name}"),
        )
        await client.update(config_map("a", value="2"))
        await client.delete(core.ConfigMap, "default", "a")
        await until(lambda: len(told) == 3, "all changes are told")
        end()
        await maps.seen(await client.create(config_map("b")))
    assert told == ["added a", "1 -> 2", "deleted a"]


async def test_what_a_handler_raises_ends_the_block() -> None:
    def fail(change: Change[core.ConfigMap]) -> None:
        raise LookupError(change.object.metadata.name)

    async def use() -> None:
        async with world() as (_, _, client, informers):
            informers.of(core.ConfigMap).subscribe(fail)
            await client.create(config_map("a"))
            await asyncio.get_running_loop().create_future()

    with pytest.raises(LookupError, match="a"):
        await use()


async def test_what_the_server_refuses_for_good_ends_the_block() -> None:
    async def use() -> None:
        async with world() as (_, _, _, informers):
            await informers.of(core.ConfigMap, fields="spec.nothing=1").wait_synced()

    with pytest.raises(BadRequest):
        await use()


async def test_what_the_block_raises_is_raised_as_it_is() -> None:
    async def use() -> None:
        async with world() as (_, _, _, informers):
            await informers.of(core.ConfigMap).wait_synced()
            raise LookupError("the block")

    with pytest.raises(LookupError, match="the block"):
        await use()


async def test_a_block_that_is_cancelled_ends_so() -> None:
    began = asyncio.Event()

    async def use() -> None:
        async with world() as (_, _, _, informers):
            await informers.of(core.ConfigMap).wait_synced()
            began.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(use())
    await began.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_a_wait_for_informers_has_a_deadline_and_names_them() -> None:
    async with world() as (_, proxy, _, informers):
        proxy.refuse()
        informers.of(core.ConfigMap)
        with pytest.raises(TimeoutError, match=r"not synced within 0\.1 s: configmaps"):
            await informers.wait_synced(0.1)
        proxy.allow()
        await informers.wait_synced(20)
