"""Reports wait, are sent in batches, and are sent again until they are acknowledged."""

import asyncio

from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.outbox import MAX_EVENTS, MAX_PODS, Outbox


def report(uid: str, phase: str = "Running", *, terminated: bool = False) -> wire.PodReport:
    return wire.PodReport(uid=uid, status=core.PodStatus(phase=phase), terminated=terminated)


def uids(batch: wire.StatusReport) -> list[str]:
    return [pod.uid for pod in batch.pods]


async def test_the_newest_report_counts() -> None:
    outbox = Outbox()
    outbox.put(report("a", "Pending"))
    outbox.put(report("b"))
    outbox.put(report("a", "Running"))
    batch = await outbox.next()
    assert [(pod.uid, pod.status.phase) for pod in batch.pods] == [("a", "Running"), ("b", "Running")]
    assert batch.sequence == 1


async def test_one_batch_at_a_time() -> None:
    outbox = Outbox()
    outbox.put(report("a"))
    first = await outbox.next()
    outbox.put(report("b"))
    second = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    assert not second.done()
    outbox.acknowledged(first.sequence)
    assert uids(await second) == ["b"]


async def test_large_crowds_go_in_several_batches() -> None:
    outbox = Outbox()
    for number in range(MAX_PODS + 1):
        outbox.put(report(f"{number}"))
    first = await outbox.next()
    outbox.acknowledged(first.sequence)
    assert (len(first.pods), uids(await outbox.next())) == (MAX_PODS, [f"{MAX_PODS}"])


async def test_a_new_session_hears_everything_again() -> None:
    outbox = Outbox()
    outbox.put(report("a"))
    outbox.put_event(core.Event(reason="Started"))
    await outbox.next()
    outbox.begin()
    again = await outbox.next()
    assert (again.sequence, uids(again), [event.reason for event in again.events]) == (1, ["a"], ["Started"])
    outbox.acknowledged(1)
    outbox.begin()
    assert uids(await outbox.next()) == ["a"]


async def test_a_pod_that_is_gone_is_forgotten_once_that_is_acknowledged() -> None:
    outbox = Outbox()
    outbox.put(report("a", terminated=True))
    outbox.forget("a")
    batch = await outbox.next()
    outbox.begin()
    batch = await outbox.next()
    assert batch.pods[0].terminated
    outbox.acknowledged(batch.sequence)
    outbox.begin()
    outbox.put(report("b"))
    assert uids(await outbox.next()) == ["b"]


async def test_events_are_bounded() -> None:
    outbox = Outbox()
    for number in range(MAX_EVENTS + 5):
        outbox.put_event(core.Event(reason=f"{number}"))
    batch = await outbox.next()
    assert len(batch.events) == MAX_EVENTS
    assert batch.events[-1].reason == f"{MAX_EVENTS + 4}"
