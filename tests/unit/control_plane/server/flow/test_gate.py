"""Requests waiting for their turn: let through, turned away, given up; nothing stays behind."""

import asyncio

import pytest

from control_plane.server.flow.counting import OpenCalls
from control_plane.server.flow.gate import Gate
from control_plane.server.flow.settings import GateSettings
from knarr.errors import TooManyRequests
from tests.support.virtual import on_virtual_time

ONE = GateSettings(at_once=1, waiting=3, waiting_each=2, timeout_s=5.0)


async def entering(gate: Gate, caller: str) -> "asyncio.Task[None]":
    """A request that has come to the gate."""
    task = asyncio.create_task(gate.enter(caller), name=f"entering-{caller}")
    await asyncio.sleep(0)
    return task


def test_requests_go_in_turn() -> None:
    async def work() -> None:
        gate = Gate(ONE)
        await gate.enter("a")
        waiting = [await entering(gate, caller) for caller in ("a", "a", "b")]
        order = []
        for _ in waiting:
            gate.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            order.append([task.done() for task in waiting])
        assert order == [[False, False, True], [True, False, True], [True, True, True]]
        gate.leave()
        assert gate.waiting == 0

    on_virtual_time(work())


def test_a_caller_with_too_many_waiting_is_told_when_to_come_again() -> None:
    async def work() -> None:
        gate = Gate(ONE)
        await gate.enter("a")
        waiting = [await entering(gate, "a") for _ in range(2)]
        with pytest.raises(TooManyRequests, match="this client") as refused:
            await gate.enter("a")
        assert refused.value.retry_after_s > 0
        assert gate.refused == 1
        for task in waiting:
            task.cancel()

    on_virtual_time(work())


def test_the_greediest_is_turned_away_for_others() -> None:
    async def work() -> None:
        gate = Gate(GateSettings(at_once=1, waiting=2, waiting_each=2))
        await gate.enter("flood")
        waiting = [await entering(gate, "flood") for _ in range(2)]
        small = await entering(gate, "small")
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests, match="most of them"):
            await waiting[1]
        gate.leave()
        await small
        gate.leave()
        await waiting[0]
        assert gate.waiting == 0

    on_virtual_time(work())


def test_nobody_waits_longer_than_the_bound() -> None:
    async def work() -> None:
        gate = Gate(ONE)
        await gate.enter("a")
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(TooManyRequests, match="more to do than it can"):
            await gate.enter("b")
        assert loop.time() - began == pytest.approx(ONE.timeout_s)
        assert gate.waiting == 0

    on_virtual_time(work())


@pytest.mark.parametrize("turn_comes", [False, True], ids=["waiting", "in the moment of its turn"])
def test_a_request_that_is_cancelled_holds_no_place(turn_comes: bool) -> None:
    async def work() -> None:
        gate = Gate(ONE)
        await gate.enter("a")
        task = await entering(gate, "b")
        if turn_comes:
            gate.leave()
        task.cancel()
        await asyncio.wait({task})
        if not turn_comes:
            gate.leave()
        assert gate.waiting == 0
        async with asyncio.timeout(1):
            await gate.enter("c")

    on_virtual_time(work())


def test_open_calls_are_bounded_each_and_in_all() -> None:
    opened = OpenCalls("watches", most=3, most_each=2)
    with opened.counted("a"), opened.counted("a"):
        with pytest.raises(TooManyRequests, match="2 of this client's"), opened.counted("a"):
            pass
        with (
            opened.counted("b"),
            pytest.raises(TooManyRequests, match="3 are open"),
            opened.counted("c"),
        ):
            pass
        assert (opened.total, opened.refused) == (2, 2)
    assert opened.total == 0
    with opened.counted("a"):
        assert opened.total == 1
