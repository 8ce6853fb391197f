"""How writes of many callers come together in batches, on virtual time and a fake connection to etcd."""

import asyncio
import random
from typing import Any

import pytest

from control_plane.store.etcd_batch import MAX_WRITES
from control_plane.store.etcd_writer import CROWD_S, MAX_IN_FLIGHT, BatchWriter
from control_plane.store.interface import Write, Written
from knarr.proto.etcd import rpc_pb2 as rpc
from tests.support.virtual import on_virtual_time

ROUND_TRIP_S = 0.001


class FakeSender:
    """An etcd that does everything it is asked for after a millisecond."""

    def __init__(self) -> None:
        self.timeout_s = 5.0
        self.rng = random.Random(1)
        self.batches: list[int] = []
        self.most_in_flight = 0
        self._in_flight = 0

    async def attempt(self, method: Any, request: Any, timeout_s: float | None = None) -> Any:
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        self.batches.append(len(request.success))
        revision = len(self.batches) + 1
        await asyncio.sleep(ROUND_TRIP_S)
        self._in_flight -= 1
        response = rpc.TxnResponse(succeeded=True)
        response.header.revision = revision
        for _ in request.success:
            response.responses.add().response_txn.succeeded = True
        return response


async def _write(writer: BatchWriter, caller: int, count: int, think_s: float) -> None:
    for number in range(count):
        (outcome,) = await writer.write([Write(f"/a/{caller}/{number}", b"x", None)])
        assert isinstance(outcome, Written)
        await asyncio.sleep(think_s)


@pytest.mark.parametrize("callers", [1, 2])
def test_few_callers_never_wait_for_more(callers: int) -> None:
    async def work() -> float:
        writer, loop = BatchWriter(FakeSender()), asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(_write(writer, caller, 100, 0.0) for caller in range(callers)))
        return loop.time() - began

    assert on_virtual_time(work()) <= 100 * ROUND_TRIP_S * callers * 2


def test_a_crowd_shares_batches() -> None:
    async def work() -> FakeSender:
        sender = FakeSender()
        writer = BatchWriter(sender)
        # 32 callers of which each thinks for a moment of its own, so that they come at all times.
        await asyncio.gather(*(_write(writer, caller, 50, caller * 0.0003) for caller in range(32)))
        return sender

    sender = on_virtual_time(work())
    assert sum(sender.batches) == 32 * 50
    assert sum(sender.batches) / len(sender.batches) > 8


def test_full_batches_go_at_once_and_no_more_than_the_bound() -> None:
    async def work() -> tuple[FakeSender, float]:
        sender, loop = FakeSender(), asyncio.get_running_loop()
        count = 40 * MAX_WRITES
        outcomes = await BatchWriter(sender).write(
            [Write(f"/a/{number}", b"x", None) for number in range(count)]
        )
        assert all(isinstance(outcome, Written) for outcome in outcomes)
        return sender, loop.time()

    sender, took_s = on_virtual_time(work())
    assert sender.batches == [MAX_WRITES] * 40
    assert sender.most_in_flight == MAX_IN_FLIGHT
    assert took_s <= 40 / MAX_IN_FLIGHT * ROUND_TRIP_S + CROWD_S
