"""Many watches that begin at once make their parts in turns, and each has its own, whole and in order."""

import asyncio
from collections.abc import AsyncIterator

from control_plane.api.watching.beginning import Existing, in_turns
from tests.support.virtual import on_virtual_time


def test_parts_are_made_by_a_bounded_number_at_once() -> None:
    making = most = 0

    async def parts() -> AsyncIterator[Existing]:
        nonlocal making, most
        for version in range(5):
            making += 1
            most = max(most, making)
            await asyncio.sleep(0.01)
            making -= 1
            yield Existing([], version)

    async def versions(turns: asyncio.Semaphore) -> list[int]:
        return [part.version async for part in in_turns(turns, parts())]

    async def work() -> list[list[int]]:
        turns = asyncio.Semaphore(3)
        return await asyncio.gather(*(versions(turns) for _ in range(20)))

    assert on_virtual_time(work()) == [list(range(5))] * 20
    assert most == 3


def test_a_watch_that_takes_nothing_holds_no_turn() -> None:
    async def parts() -> AsyncIterator[Existing]:
        for version in range(3):
            yield Existing([], version)

    async def work() -> int:
        turns = asyncio.Semaphore(1)
        slow = in_turns(turns, parts())
        await anext(slow)
        return len([part async for part in in_turns(turns, parts())])

    assert on_virtual_time(work()) == 3
