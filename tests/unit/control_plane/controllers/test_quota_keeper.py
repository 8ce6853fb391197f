"""When quotas are counted."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from control_plane.controllers.quotas import QuotaKeeper, QuotaSettings, needs_count
from knarr.api import kinds
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import create, pod_of, quota
from tests.support.api import OPTIONS, ApiWorld, api_world
from tests.support.waiting import until


def counted(hard: dict[str, str], used: dict[str, str]) -> core.ResourceQuota:
    found = quota("q", hard)
    for name, amount in used.items():
        found.status.used[name].string = amount
    return found


ONE = {"pods": "1"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (None, counted(ONE, {"pods": "0"}), True),
        (counted(ONE, {"pods": "0"}), counted(ONE, ONE), False),
        (counted(ONE, ONE), counted({"pods": "2"}, ONE), True),
        (counted(ONE, ONE), counted(ONE, {}), True),
        (counted(ONE, ONE), None, False),
    ],
    ids=["new", "charged", "other limits", "lost its count", "gone"],
)
def test_what_needs_counting(
    old: core.ResourceQuota | None, new: core.ResourceQuota | None, expected: bool
) -> None:
    assert needs_count(old, new) is expected


@contextlib.asynccontextmanager
async def kept(world: ApiWorld, settings: QuotaSettings) -> AsyncIterator[None]:
    keeper = QuotaKeeper(world.objects, world.api.storage.ledger.recount, random.Random(1), settings)
    task = asyncio.create_task(keeper.run(), name="quota-keeper")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def used(world: ApiWorld) -> dict[str, str]:
    found = world.objects.get(core.ResourceQuota, "default", "q")
    return {name: amount.string for name, amount in found.status.used.items()} if found else {}


async def test_a_new_quota_is_counted_and_a_new_limit_too() -> None:
    async with api_world() as world, kept(world, QuotaSettings()):
        for name in "ab":
            await create(world, pod_of(name))
        stored = await create(world, quota("q", {"pods": "5"}))
        await until(lambda: used(world) == {"pods": "2"}, "the count")
        stored.metadata.resourceVersion = ""
        stored.spec.hard["count/pods"].string = "1"
        await world.api.update(kinds.RESOURCE_QUOTA, "default", stored, OPTIONS)
        await until(lambda: used(world) == {"pods": "2", "count/pods": "2"}, "the count")


async def test_a_wrong_count_is_repaired_in_time() -> None:
    async with api_world() as world:
        stored = await create(world, quota("q", {"pods": "5"}))
        await create(world, pod_of("a"))
        async with kept(world, QuotaSettings(settle_s=0.2, resync_s=0.2)):
            await until(lambda: used(world) == {"pods": "1"}, "the count")
            stored = await world.api.get(kinds.RESOURCE_QUOTA, "default", "q")  # type: ignore[assignment]
            stored.status.used["pods"].string = "4"
            await world.api.update_status(kinds.RESOURCE_QUOTA, "default", stored, OPTIONS)
            await until(lambda: used(world) == {"pods": "1"}, "the repair")
