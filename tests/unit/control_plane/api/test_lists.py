"""Lists on a store in memory: consistent pages, versions, bounded parts."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from control_plane.api.settings import ApiSettings
from control_plane.objects.interface import DeleteOptions
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from knarr.api.kinds import CONFIG_MAP, NODE
from knarr.errors import ApiError, BadRequest, Expired, Invalid, NotFound, Timeout, from_status
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.stores import Cut

REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
SETTINGS = ApiSettings(list_page=4, part_bytes=2_000)


async def add(world: ApiWorld, name: str, namespace: str = "default", size: int = 1, **labels: str) -> str:
    obj = core.ConfigMap(data={"v": "x" * size})
    obj.metadata.name, obj.metadata.namespace = name, namespace
    obj.metadata.labels.update(labels)
    result = await world.api.create(CONFIG_MAP, namespace, obj, OPTIONS)
    return result.obj.metadata.resourceVersion  # type: ignore[attr-defined, no-any-return]


async def listed(world: ApiWorld, **fields: Any) -> tuple[list[str], wire.ListChunk, int]:
    """(names, the last chunk, how many chunks had objects)."""
    request = wire.ListRequest(**{"reference": REFERENCE, **fields})
    chunks = [chunk async for chunk in world.reads.list(request)]
    objects = [core.ConfigMap.FromString(value) for chunk in chunks for value in chunk.objects]
    assert all(obj.metadata.resourceVersion for obj in objects)
    return [obj.metadata.name for obj in objects], chunks[-1], sum(bool(chunk.objects) for chunk in chunks)


async def test_a_list_has_all_and_its_version() -> None:
    async with api_world(settings=SETTINGS) as world:
        versions = [int(await add(world, f"c{number:02}")) for number in range(11)]
        await add(world, "elsewhere", "kube-system")
        names, last, _ = await listed(world)
        assert names == [f"c{number:02}" for number in range(11)]
        assert int(last.resource_version) >= max(versions)
        assert not last.continue_token
        assert not last.HasField("remaining_items")
        everywhere = wire.Reference(api_version="v1", kind="ConfigMap")
        assert (await listed(world, reference=everywhere))[0] == [*names, "elsewhere"]


async def test_parts_are_bounded_in_bytes() -> None:
    async with api_world(settings=SETTINGS) as world:
        for number in range(8):
            await add(world, f"c{number}", size=900)
        names, _, parts = await listed(world)
        assert len(names) == 8
        assert parts >= 4
        await add(world, "large", size=50_000)
        assert "large" in (await listed(world))[0]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 7, 9, 11])
async def test_pages_are_of_one_moment(limit: int) -> None:
    async with api_world(settings=SETTINGS) as world:
        wanted = [f"c{number:02}" for number in range(9)]
        for name in wanted:
            await add(world, name, app="web" if int(name[1:]) % 2 else "db")
        names, last, _ = await listed(world, limit=limit)
        version = last.resource_version
        found = list(names)
        assert last.remaining_items == max(0, 9 - limit)
        while last.continue_token:
            assert len(names) == limit
            await world.api.delete(CONFIG_MAP, "default", found[-1], DeleteOptions())
            await add(world, f"b{len(found)}")
            names, last, _ = await listed(world, limit=limit, continue_token=last.continue_token)
            assert last.resource_version == version
            found += names
        assert found == wanted


async def test_pages_of_selected_objects_say_nothing_of_what_remains() -> None:
    async with api_world(settings=SETTINGS) as world:
        for number in range(9):
            await add(world, f"c{number}", app="web" if number % 2 else "db")
        names, last, _ = await listed(world, limit=2, label_selector="app=web")
        assert names == ["c1", "c3"]
        assert last.continue_token
        assert not last.HasField("remaining_items")
        names, last, _ = await listed(
            world, limit=2, label_selector="app=web", continue_token=last.continue_token
        )
        assert names == ["c5", "c7"]


async def test_a_page_that_was_compacted_away_is_expired() -> None:
    async with api_world(settings=SETTINGS) as world:
        for number in range(6):
            await add(world, f"c{number}")
        _, last, _ = await listed(world, limit=2)
        newest = await add(world, "late")
        await add(world, "later")
        await world.store.compact(int(newest) + 64)
        with pytest.raises(Expired, match="too old to display a consistent list") as caught:
            await listed(world, limit=2, continue_token=last.continue_token)
        error = from_status(caught.value.status())
        assert isinstance(error, Expired)
        # The rest as it is now; what follows of it is of one moment again.
        names, last, _ = await listed(world, limit=3, continue_token=error.continue_token)
        assert names == ["c2", "c3", "c4"]
        await add(world, "latest")
        names, end, _ = await listed(world, continue_token=last.continue_token)
        assert (names, end.resource_version) == (["c5", "late", "later"], last.resource_version)


async def test_an_exact_version_that_was_compacted_away_is_expired() -> None:
    async with api_world(settings=SETTINGS) as world:
        version = await add(world, "a")
        newest = await add(world, "b")
        await add(world, "c")
        await world.store.compact(int(newest) + 64)
        with pytest.raises(Expired, match="The resourceVersion for the provided list is too old"):
            await listed(world, resource_version=version, version_match=wire.EXACT)


async def test_a_page_of_a_version_is_of_just_that_version() -> None:
    async with api_world(settings=SETTINGS) as world:
        await add(world, "a")
        version = await add(world, "b")
        await add(world, "c")
        names, last, _ = await listed(world, resource_version=version, limit=5)
        assert (names, int(last.resource_version) // 64) == (["a", "b"], int(version) // 64)
        assert (await listed(world, resource_version=version))[0] == ["a", "b", "c"]
        assert (await listed(world, resource_version="0", limit=5))[0] == ["a", "b", "c"]


async def test_an_exact_version_is_what_was_then() -> None:
    async with api_world(settings=SETTINGS) as world:
        await add(world, "a")
        version = await add(world, "b")
        await add(world, "c")
        names, last, _ = await listed(world, resource_version=version, version_match=wire.EXACT)
        assert names == ["a", "b"]
        assert int(last.resource_version) // 64 == int(version) // 64


@pytest.mark.parametrize("limit", [0, 2])
async def test_not_older_than_a_version(limit: int) -> None:
    async with api_world(settings=SETTINGS) as world:
        await add(world, "a")
        version = await add(world, "b")
        fields = {"resource_version": version, "version_match": wire.NOT_OLDER_THAN, "limit": limit}
        assert (await listed(world, **fields))[0] == ["a", "b"]
        with pytest.raises(Timeout, match="Too large resource version"):
            await listed(world, **{**fields, "resource_version": str(10**9)})


async def test_any_version_is_answered_from_the_cache() -> None:
    async with api_world(settings=SETTINGS) as world:
        for number in range(9):
            await add(world, f"c{number}", app="web")
        names, last, _ = await listed(world, resource_version="0", label_selector="app")
        assert len(names) == 9
        assert int(last.resource_version) == world.objects.version(CONFIG_MAP)


async def test_a_version_of_another_kind_does_not_keep_a_list_waiting() -> None:
    async with api_world(settings=SETTINGS) as world:
        await add(world, "a")
        node = core.Node()
        node.metadata.name = "n1"
        other: Any = (await world.api.create(NODE, "", node, OPTIONS)).obj
        async with asyncio.timeout(1):
            names, _, _ = await listed(world, resource_version=other.metadata.resourceVersion)
        assert names == ["a"]


async def test_a_replica_that_is_behind_still_lists_the_newest() -> None:
    backend = MemoryBackend()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as one,
        api_world(MemoryStore(backend), settings=SETTINGS, seed=2) as other,
    ):
        await add(one, "a")
        assert (await listed(other))[0] == ["a"]


async def test_a_table_has_its_columns_once_even_when_it_is_empty() -> None:
    async with api_world(settings=SETTINGS) as world:
        empty = [
            chunk async for chunk in world.reads.list(wire.ListRequest(reference=REFERENCE, as_table=True))
        ]
        assert [len(chunk.table.columns) for chunk in empty] == [3]
        for number in range(9):
            await add(world, f"c{number}")
        chunks = [
            chunk async for chunk in world.reads.list(wire.ListRequest(reference=REFERENCE, as_table=True))
        ]
        assert [bool(chunk.table.columns) for chunk in chunks] == [True] + [False] * (len(chunks) - 1)
        assert sum(len(chunk.table.rows) for chunk in chunks) == 9


REFUSED: dict[str, tuple[dict[str, Any], type[ApiError]]] = {
    "no token": ({"continue_token": "?"}, BadRequest),
    "a token of something else": ({"continue_token": "eyJhIjoxfQ=="}, BadRequest),
    "a token with a wrong version": ({"continue_token": "eyJ2IjoiYSIsImsiOiJiIn0="}, BadRequest),
    "no number": ({"resource_version": "x"}, BadRequest),
    "a match without a version": ({"version_match": wire.EXACT}, Invalid),
    "exactly any": ({"version_match": wire.EXACT, "resource_version": "0"}, Invalid),
    "negative": ({"limit": -1}, BadRequest),
    "labels": ({"label_selector": "a in b"}, BadRequest),
    "fields": ({"field_selector": "spec.x=1"}, BadRequest),
}


@pytest.mark.parametrize(("fields", "error"), REFUSED.values(), ids=REFUSED)
async def test_refused_lists(fields: dict[str, Any], error: type[ApiError]) -> None:
    async with api_world(settings=replace(SETTINGS)) as world:
        with pytest.raises(error):
            await listed(world, **fields)


async def test_a_token_and_a_version_exclude_each_other() -> None:
    async with api_world(settings=SETTINGS) as world:
        await add(world, "a")
        await add(world, "b")
        _, last, _ = await listed(world, limit=1)
        with pytest.raises(BadRequest, match="not allowed when using continue"):
            await listed(world, limit=1, continue_token=last.continue_token, resource_version="5")
        with pytest.raises(Invalid, match="resourceVersionMatch is forbidden when continue is provided"):
            await listed(world, limit=1, continue_token=last.continue_token, version_match=wire.EXACT)


async def test_one_object_is_read_by_version_too() -> None:
    backend, faults = MemoryBackend(), Cut()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as world,
        api_world(MemoryStore(backend, faults), settings=SETTINGS) as other,
    ):
        known = await add(world, "a")
        await other.objects.seen(int(known), CONFIG_MAP)
        faults.cut = True
        newest = await add(world, "b")

        async def read(name: str, version: str) -> str:
            reference = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default", name=name)
            got = await other.reads.get(wire.GetRequest(reference=reference, resource_version=version))
            return core.ConfigMap.FromString(got.object).metadata.resourceVersion

        assert [await read("a", version) for version in ("", "0", known, newest)] == [known] * 4
        assert [await read("b", version) for version in ("", newest)] == [newest] * 2
        for version in ("0", known):  # which its cache has
            with pytest.raises(NotFound):
                await read("b", version)
        with pytest.raises(Timeout, match="Too large resource version"):
            await read("a", str(int(newest) + 10**6))
        with pytest.raises(BadRequest):
            await read("a", "x")
