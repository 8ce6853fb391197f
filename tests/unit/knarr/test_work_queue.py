"""The contract of the work queue."""

import asyncio
import random

import pytest

from knarr.workqueue import QueueSettings, WorkQueue
from tests.support.waiting import until

QUICK = QueueSettings(backoff_first_s=0.001, backoff_limit_s=0.004, rest_s=0.0)


def queue(settings: QueueSettings = QUICK) -> WorkQueue[str]:
    return WorkQueue(settings, random.Random(1))


async def test_a_key_that_waits_is_not_added_twice() -> None:
    keys = queue()
    for key in ("a", "b", "a"):
        keys.add(key)
    assert len(keys) == 2
    assert [await keys.get(), await keys.get()] == ["a", "b"]


async def test_a_key_added_while_worked_on_comes_again_when_it_is_done() -> None:
    keys = queue()
    keys.add("a")
    assert await keys.get() == "a"
    keys.add("a")
    keys.add("a")
    assert len(keys) == 0
    keys.done("a")
    assert len(keys) == 1
    assert await keys.get() == "a"
    keys.done("a")
    assert len(keys) == 0


async def test_no_key_is_with_two_workers() -> None:
    keys = queue()
    at_work: set[str] = set()
    worked = 0

    async def worker() -> None:
        nonlocal worked
        while True:
            key = await keys.get()
            assert key not in at_work
            at_work.add(key)
            keys.add(random.Random(worked).choice("abc"))
            await asyncio.sleep(0)
            at_work.discard(key)
            worked += 1
            keys.done(key)

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    for key in "abc":
        keys.add(key)
    await until(lambda: worked > 300)
    for task in workers:
        task.cancel()
    results = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    keys.close()


async def test_a_key_rests_and_what_was_added_meanwhile_is_one() -> None:
    keys = queue(QueueSettings(rest_s=0.03))
    loop = asyncio.get_running_loop()
    keys.add("a")
    await keys.get()
    done_at = loop.time()
    keys.done("a")
    keys.add("a")
    keys.add("a")
    assert len(keys) == 0
    assert await keys.get() == "a"
    assert loop.time() - done_at >= 0.029
    keys.close()


async def test_the_earliest_of_delayed_adds_counts_and_an_add_now_ends_it() -> None:
    keys = queue()
    keys.add_after("a", 60.0)
    keys.add_after("a", 0.001)
    keys.add_after("a", 30.0)
    assert await keys.get() == "a"
    keys.done("a")
    keys.add_after("b", 60.0)
    keys.add("b")
    assert await keys.get() == "b"
    keys.close()


async def test_back_off_grows_to_its_limit_and_is_forgotten() -> None:
    keys = queue()
    delays = [keys.add_failed("a") for _ in range(6)]
    for delay, most in zip(delays, [0.001, 0.002, 0.004, 0.004, 0.004, 0.004], strict=True):
        assert most / 2 <= delay <= most
    keys.forget("a")
    assert keys.add_failed("a") <= 0.001
    keys.close()


async def test_a_closed_queue_takes_nothing() -> None:
    keys = queue()
    keys.add("a")
    keys.add_after("b", 0.0)
    keys.close()
    keys.add("c")
    assert len(keys) == 0


async def test_only_a_key_in_work_can_be_done() -> None:
    with pytest.raises(ValueError, match="not being worked on"):
        queue().done("a")
