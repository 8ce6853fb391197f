"""Chunks of a list are bounded in bytes and, as tables, in rows; together they are the list."""

from itertools import pairwise

from control_plane.api.settings import ApiSettings
from control_plane.server.reads import TABLE_ROWS
from knarr.api.kinds import CONFIG_MAP
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, api_world

REFERENCE = wire.Reference(api_version="v1", kind="ConfigMap", namespace="default")
PART_BYTES = 4_096
COUNT = 2 * TABLE_ROWS + 1


async def chunks(world: ApiWorld, **how: object) -> list[wire.ListChunk]:
    request = wire.ListRequest(reference=REFERENCE, **how)  # type: ignore[arg-type]  # fields of the request
    return [chunk async for chunk in world.reads.list(request)]


async def test_chunks_are_bounded_and_whole() -> None:
    async with api_world(settings=ApiSettings(part_bytes=PART_BYTES, list_page=100)) as world:
        names = [f"c-{number:04}" for number in range(COUNT)]
        for name in reversed(names):
            obj = core.ConfigMap(data={"v": "x" * 100})
            obj.metadata.name = name
            await world.api.create(CONFIG_MAP, "default", obj, OPTIONS)
        for version in ("", "0"):
            found = await chunks(world, resource_version=version)
            sizes = [sum(map(len, chunk.objects)) for chunk in found]
            assert max(sizes) <= PART_BYTES + 100 * 40  # and the resourceVersion of each
            listed = [core.ConfigMap.FromString(value) for chunk in found for value in chunk.objects]
            assert [obj.metadata.name for obj in listed] == names
            assert [bool(chunk.resource_version) for chunk in found] == [False] * (len(found) - 1) + [True]
            tables = await chunks(world, resource_version=version, as_table=True)
            assert max(len(chunk.table.rows) for chunk in tables) <= TABLE_ROWS
            assert [row.cells[0] for chunk in tables for row in chunk.table.rows] == names
            assert [bool(chunk.table.columns) for chunk in tables] == [True] + [False] * (len(tables) - 1)


async def test_a_list_from_the_cache_is_of_one_moment_whatever_is_written_meanwhile() -> None:
    async with api_world(settings=ApiSettings(part_bytes=PART_BYTES)) as world:
        for number in range(1_200):
            obj = core.ConfigMap(data={"v": "1"})
            obj.metadata.name = f"c-{number:04}"
            await world.api.create(CONFIG_MAP, "default", obj, OPTIONS)
        names: list[str] = []
        versions: list[int] = []
        last = 0
        request = wire.ListRequest(reference=REFERENCE, resource_version="0")
        async for chunk in world.reads.list(request):
            for value in chunk.objects:
                obj = core.ConfigMap.FromString(value)
                names.append(obj.metadata.name)
                versions.append(int(obj.metadata.resourceVersion))
            last = int(chunk.resource_version or 0)
            new = core.ConfigMap(data={"v": "2"})
            new.metadata.name = f"c-{len(names):04}-new-{last}"
            await world.api.create(CONFIG_MAP, "default", new, OPTIONS)
        assert names == [f"c-{number:04}" for number in range(1_200)]
        assert all(one < other for one, other in pairwise(versions))
        assert versions[-1] <= last
