"""A quota is never overrun and never loses count, whoever writes at the same time."""

import asyncio
from collections.abc import Sequence

import pytest

from control_plane.api.api import NewObject, Result
from control_plane.objects.interface import DeleteOptions
from knarr.api import kinds
from knarr.errors import ApiError, Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.admitting import container, create, pod_of, quota
from tests.support.api import OPTIONS, ApiWorld
from tests.support.replicas import two_replicas
from tests.support.waiting import until

DELETE = DeleteOptions()
STORES = ["memory", pytest.param("etcd", marks=pytest.mark.etcd)]


async def with_quota(worlds: tuple[ApiWorld, ApiWorld], hard: dict[str, str]) -> None:
    """A quota that both know."""
    first, second = worlds
    await create(first, quota("q", hard))
    await until(lambda: second.objects.get(core.ResourceQuota, "default", "q") is not None, "the quota")


async def used(world: ApiWorld) -> dict[str, str]:
    stored = await world.api.get(kinds.RESOURCE_QUOTA, "default", "q")
    assert isinstance(stored, core.ResourceQuota)
    return {name: amount.string for name, amount in stored.status.used.items()}


async def names(world: ApiWorld) -> set[str]:
    found = await world.api.storage.newest_all(kinds.POD, "default")
    return {pod.metadata.name for pod in found if isinstance(pod, core.Pod)}


async def attempt(world: ApiWorld, pod: core.Pod) -> bool:
    try:
        await create(world, pod)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("store", STORES)
async def test_of_200_concurrent_creates_at_two_replicas_exactly_50_are_done(store: str) -> None:
    async with two_replicas(store) as worlds:
        await with_quota(worlds, {"pods": "50", "requests.cpu": "100"})
        pods = [pod_of(f"p{number}", container(requests={"cpu": "100m"})) for number in range(200)]
        done = await asyncio.gather(*(attempt(worlds[n % 2], pod) for n, pod in enumerate(pods)))
        assert sum(done) == 50
        assert await names(worlds[0]) == {
            pod.metadata.name for pod, made in zip(pods, done, strict=True) if made
        }
        assert await used(worlds[1]) == {"pods": "50", "requests.cpu": "5"}


@pytest.mark.parametrize("store", STORES)
async def test_batches_of_two_replicas(store: str) -> None:
    async with two_replicas(store) as worlds:
        await with_quota(worlds, {"pods": "50"})

        def batch(prefix: str) -> Sequence[NewObject]:
            return [NewObject(kinds.POD, "default", pod_of(f"{prefix}{n}"), OPTIONS) for n in range(60)]

        found = await asyncio.gather(*(worlds[n % 2].api.create_all(batch("abcd"[n])) for n in range(4)))
        outcomes: list[Result | ApiError] = [outcome for part in found for outcome in part]
        assert sum(isinstance(outcome, Result) for outcome in outcomes) == 50
        assert sum(isinstance(outcome, Forbidden) for outcome in outcomes) == 190
        assert len(await names(worlds[0])) == 50
        assert await used(worlds[0]) == {"pods": "50"}


@pytest.mark.parametrize("store", STORES)
async def test_what_is_deleted_at_one_replica_can_be_made_at_the_other_at_once(store: str) -> None:
    async with two_replicas(store) as worlds:
        first, second = worlds
        await with_quota(worlds, {"pods": "1"})
        for number in range(10):
            maker, remover = (first, second) if number % 2 else (second, first)
            assert await attempt(maker, pod_of(f"p{number}"))
            assert not await attempt(remover, pod_of("more"))
            await remover.writer.delete(kinds.POD, "default", f"p{number}", DELETE)
        assert await used(first) == {"pods": "0"}
