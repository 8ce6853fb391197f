"""A list and everything that a watch tells after it are a later list: under random writes, selectors, cuts,
compactions and reconnects of clients and of the cache, on the writing replica and on another one."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.api.settings import ApiSettings
from control_plane.store.memory import MemoryStore
from control_plane.store.memory_backend import MemoryBackend
from tests.support.api import api_world
from tests.support.following import Follower, Start, compact, delete, following, put
from tests.support.stores import Cut
from tests.support.virtual import on_virtual_time

# So small that watches fall behind, and have to go on from the store or begin anew.
SETTINGS = ApiSettings(watch_history=6, watch_batch=3, list_page=3, bookmark_s=0.01)

NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES, st.sampled_from(["web", "db"])),
    st.tuples(st.just("delete"), NAMES, st.just("")),
    st.tuples(st.sampled_from(["compact", "rest", "hang up", "cut", "mend"]), st.just(""), st.just("")),
)


async def play(steps: list[Any], labels: str, start: Start) -> None:
    backend, faults = MemoryBackend(), Cut()
    async with (
        api_world(MemoryStore(backend), settings=SETTINGS) as world,
        api_world(MemoryStore(backend, faults), settings=SETTINGS, seed=2) as other,
    ):
        followers = [Follower(each, labels=labels, start=start) for each in (world, other)]
        async with following(followers):
            for step, name, app in steps:
                match step:
                    case "put":
                        await put(world, "default", name, app)
                    case "delete":
                        await delete(world, "default", name)
                    case "compact":
                        await compact(world)
                    case "hang up":
                        for follower in followers:
                            follower.hang_up()
                    case "cut" | "mend":
                        faults.cut = step == "cut"
                    case "rest":
                        await asyncio.sleep(0.1)
            faults.cut = False


@settings(max_examples=120, deadline=None)
@given(
    steps=st.lists(STEPS, max_size=40),
    labels=st.sampled_from(["", "app=web"]),
    start=st.sampled_from(list(Start)),
)
def test_a_list_and_its_watch_are_a_later_list(steps: list[Any], labels: str, start: Start) -> None:
    on_virtual_time(play(steps, labels, start))
