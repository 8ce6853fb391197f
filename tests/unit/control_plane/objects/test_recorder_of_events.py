"""The event recorder: what is written, what is counted, what is dropped, and that nobody waits for it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.objects.interface import ObjectKey
from control_plane.objects.recorder import EventRecorder, RecorderSettings
from knarr.errors import ApiError, Forbidden, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.model import Model
from tests.support.waiting import until

QUICK = RecorderSettings(flush_s=0.001, repeat_s=0.0, retry_s=0.001)


@dataclass
class Time:
    """A clock that a test sets."""

    at: float = 10_000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@dataclass
class Server:
    """A model that refuses the next writes."""

    errors: list[ApiError] = field(default_factory=list)

    def refuse(self, verb: str, obj: Message | ObjectKey) -> None:
        if self.errors:
            raise self.errors.pop(0)


def pod(name: str = "web", uid: str = "pod-uid") -> core.Pod:
    obj = core.Pod()
    obj.metadata.name, obj.metadata.namespace, obj.metadata.uid = name, "shop", uid
    return obj


class World:
    def __init__(self, settings: RecorderSettings = QUICK) -> None:
        self.server, self.time = Server(), Time()
        self.model = Model(refuse=self.server.refuse)
        self.recorder = EventRecorder(self.model, self.time, random.Random(1), settings=settings)

    def events(self) -> list[core.Event]:
        return self.model.list(core.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.recorder.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()


async def test_an_event_says_what_happened_to_what_and_when() -> None:
    world = World()
    async with world.running():
        world.recorder.record(pod(), "Warning", "Failed", "no such image")
        await until(lambda: len(world.events()) == 1)
    (event,) = world.events()
    assert event.metadata.namespace == "shop"
    assert event.metadata.name.startswith("web.")
    expected = core.ObjectReference(apiVersion="v1", kind="Pod", namespace="shop", name="web", uid="pod-uid")
    assert event.involvedObject == expected
    assert (event.type, event.reason, event.message, event.count) == ("Warning", "Failed", "no such image", 1)
    assert event.firstTimestamp.seconds == event.lastTimestamp.seconds == 10_000
    assert event.source.component == event.reportingComponent == "knarr-control-plane"


async def test_an_event_about_something_without_namespace_is_in_default() -> None:
    world, node = World(), core.Node()
    node.metadata.name = "n" * 253
    async with world.running():
        world.recorder.record(node, "Normal", "NodeNotReady", "gone")
        await until(lambda: len(world.events()) == 1)
    (event,) = world.events()
    assert event.metadata.namespace == "default"
    assert len(event.metadata.name) == 253


async def test_the_same_again_is_one_event_with_a_count() -> None:
    world = World()
    async with world.running():
        world.recorder.record(pod(), "Normal", "Pulled", "x")
        await until(lambda: len(world.events()) == 1)
        world.time.at += 100
        for _ in range(4):
            world.recorder.record(pod(), "Normal", "Pulled", "x")
        await until(lambda: world.events()[0].count == 5)
    (event,) = world.events()
    assert (event.firstTimestamp.seconds, event.lastTimestamp.seconds) == (10_000, 10_100)
    assert (event.series.count, event.series.lastObservedTime.seconds) == (5, 10_100)


async def test_what_differs_or_is_long_ago_is_another_event() -> None:
    world = World()
    async with world.running():
        world.recorder.record(pod(), "Normal", "Pulled", "x")
        world.recorder.record(pod(), "Normal", "Pulled", "y")
        world.recorder.record(pod(uid="another"), "Normal", "Pulled", "x")
        await until(lambda: len(world.events()) == 3)
        world.time.at += QUICK.window_s + 1
        world.recorder.record(pod(), "Normal", "Pulled", "x")
        await until(lambda: len(world.events()) == 4)
    assert all(event.count == 1 for event in world.events())


async def test_too_many_about_one_object_for_one_reason_are_dropped() -> None:
    world = World()
    async with world.running():
        for number in range(100):
            world.recorder.record(pod(), "Warning", "Unhealthy", f"probe {number}")
        world.recorder.record(pod(), "Normal", "Pulled", "another reason")
        await until(lambda: len(world.events()) == 26)
        world.time.at += QUICK.refill_s
        world.recorder.record(pod(), "Warning", "Unhealthy", "later")
        await until(lambda: len(world.events()) == 27)
    assert world.recorder.counters.dropped == 75


async def test_recording_never_waits_and_keeps_a_bound() -> None:
    world = World(RecorderSettings(flush_s=0.001, pending=10, remembered=10))
    for number in range(50):
        world.recorder.record(pod(f"p{number}", f"uid-{number}"), "Normal", "Created", "x")
    assert world.recorder.counters.dropped == 40
    async with world.running():
        await until(lambda: len(world.events()) == 10)


async def test_what_the_store_does_not_take_is_tried_again_a_few_times() -> None:
    world = World()
    world.server.errors = [Unavailable("down"), Unavailable("down")]
    async with world.running():
        world.recorder.record(pod(), "Normal", "Created", "x")
        while not world.events():
            world.time.at += 1
            await asyncio.sleep(0.001)
        world.server.errors = [Unavailable("down")] * 3
        world.recorder.record(pod(), "Normal", "Started", "x")
        while not world.recorder.counters.dropped:
            world.time.at += 1
            await asyncio.sleep(0.001)
    assert [event.reason for event in world.events()] == ["Created"]


async def test_what_is_refused_is_dropped_and_the_rest_goes_on() -> None:
    world = World()
    world.server.errors = [Forbidden("no")]
    async with world.running():
        world.recorder.record(pod(), "Normal", "Created", "x")
        await until(lambda: world.recorder.counters.by_error == {"Forbidden": 1})
        world.recorder.record(pod(), "Normal", "Created", "x")
        await until(lambda: len(world.events()) == 1)


async def test_an_event_that_somebody_deleted_is_said_anew() -> None:
    world = World()
    async with world.running():
        world.recorder.record(pod(), "Normal", "Created", "x")
        await until(lambda: len(world.events()) == 1)
        (first,) = world.model.keys(core.Event)
        world.model.remove(first)
        world.recorder.record(pod(), "Normal", "Created", "x")
        while not world.events():
            world.time.at += 1
            await asyncio.sleep(0.001)
    (event,) = world.events()
    assert event.count == 2
    assert event.metadata.name != first.name
