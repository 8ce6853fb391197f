"""Deadlines end what takes too long, and nothing else; many of them share one timer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from knarr.deadlines import Deadlines

SOON_S = 0.02


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


def test_what_ends_in_time_is_left_alone() -> None:
    async def work() -> None:
        deadlines = Deadlines(SOON_S)
        with deadlines.one():
            await asyncio.sleep(0)
        await asyncio.sleep(2 * SOON_S)

    run(work())


def test_what_takes_too_long_raises_timeout_error_and_the_task_goes_on() -> None:
    async def work() -> None:
        deadlines = Deadlines(SOON_S)
        with pytest.raises(TimeoutError), deadlines.one():
            await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)

    run(work())


def test_each_of_many_has_its_own_time() -> None:
    async def work() -> None:
        deadlines = Deadlines(0.1)
        loop = asyncio.get_running_loop()
        took: list[float] = []

        async def wait(after_s: float, ends: bool) -> None:
            await asyncio.sleep(after_s)
            began = loop.time()
            try:
                with deadlines.one():
                    await (asyncio.sleep(0.01) if ends else asyncio.Event().wait())
            except TimeoutError:
                took.append(loop.time() - began)

        await asyncio.gather(*(wait(0.01 * number, number % 3 == 0) for number in range(30)))
        assert len(took) == 20
        assert all(seconds > 0.09 for seconds in took)

    run(work())


def test_a_cancelled_task_is_cancelled() -> None:
    async def work() -> None:
        deadlines = Deadlines(60)

        task = asyncio.create_task(_wait_for_nothing(deadlines))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())


def test_a_cancellation_beside_the_deadline_is_not_lost() -> None:
    async def work() -> None:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(_expired_and_cancelled())

    run(work())


async def _expired_and_cancelled() -> None:
    deadlines, task = Deadlines(60), asyncio.current_task()
    assert task is not None
    block = deadlines.one()
    with block:
        block.expire()
        task.cancel()
        await asyncio.sleep(0)


def test_an_inner_deadline_leaves_the_outer_one_to_end_the_rest() -> None:
    async def work() -> None:
        inner, outer = Deadlines(SOON_S), Deadlines(3 * SOON_S)
        ended: list[str] = []
        try:
            with outer.one():
                await _never(inner)
                ended.append("inner")
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append("outer")
        assert ended == ["inner", "outer"]

    run(work())


async def _never(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError):
        await _wait_for_nothing(deadlines)


async def _wait_for_nothing(deadlines: Deadlines) -> None:
    with deadlines.one():
        await asyncio.Event().wait()


def test_a_block_that_is_left_is_not_kept() -> None:
    async def work() -> None:
        deadlines = Deadlines(60)

        async def wait(seconds: float) -> None:
            with deadlines.one():
                await asyncio.sleep(seconds)

        await asyncio.gather(*(wait(0.001 * number) for number in range(20)))
        assert not deadlines._waits

    run(work())
