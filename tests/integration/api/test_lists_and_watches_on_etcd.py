"""A list and what a watch tells after it are a later list, on a real etcd: with connections of the store cut,
etcd killed, history compacted and watches broken off, for two replicas of the API."""

import asyncio
import contextlib
import random

import pytest

from control_plane.api.settings import ApiSettings
from knarr.errors import Timeout, Unavailable
from tests.support.api import ApiWorld, api_world
from tests.support.etcd import RealEtcd, real_etcd
from tests.support.following import Follower, Start, compact, delete, following, put
from tests.support.proxy import Proxy, proxy_to
from tests.support.stores import through

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

SETTINGS = ApiSettings(watch_history=6, watch_batch=3, list_page=3, bookmark_s=0.05)
NAMESPACE = "default"
STEPS = 250
WEIGHTS = {"put": 50, "delete": 20, "hang up": 12, "compact": 12, "cut": 6}


async def disturb(step: str, world: ApiWorld, proxy: Proxy, rng: random.Random) -> None:
    """One thing that happens; a write that etcd does not answer is given up."""
    name = rng.choice("abcdef")
    with contextlib.suppress(Unavailable, Timeout):
        match step:
            case "put":
                await put(world, NAMESPACE, name, rng.choice(("web", "db")))
            case "delete":
                await delete(world, NAMESPACE, name)
            case "compact":
                await compact(world)
            case "cut":
                proxy.cut()


@pytest.mark.parametrize("seed", range(2))
async def test_followers_come_to_what_is_stored(seed: int) -> None:
    rng = random.Random(seed)
    async with real_etcd() as etcd, proxy_to(etcd.endpoint) as proxy:
        near, far = etcd.store(), through(proxy)
        async with api_world(near, settings=SETTINGS) as world, api_world(far, settings=SETTINGS) as other:
            followers = [
                Follower(each, NAMESPACE, labels, start)
                for each in (world, other)
                for labels in ("", "app=web")
                for start in Start
            ]
            async with following(followers):
                await play(rng, etcd, world, proxy, followers)
        await far.close()


async def play(
    rng: random.Random, etcd: RealEtcd, world: ApiWorld, proxy: Proxy, followers: list[Follower]
) -> None:
    for number, step in enumerate(rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=STEPS)):
        if number == STEPS // 2:
            await asyncio.gather(etcd.restart(), disturb("put", world, proxy, rng))
        if step == "hang up":
            rng.choice(followers).hang_up()
        await disturb(step, world, proxy, rng)
