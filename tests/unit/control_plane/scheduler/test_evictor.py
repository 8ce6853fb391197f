"""Victims are told to go once, however many pods need them gone; one that was not told is told again."""

import asyncio
import contextlib
from functools import partial

import pytest

from control_plane.objects.interface import DeleteOptions
from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.decisions import Preemption, Unschedulable
from control_plane.scheduler.evictor import Evictor
from control_plane.scheduler.framework import Cause
from knarr.api.kinds import Kind
from knarr.clock import SystemClock
from knarr.errors import Unavailable
from tests.support.model import Model
from tests.unit.control_plane.scheduler.objects_for_scheduling import Bench, make_node, make_pod, until


class Deaf(Model):
    """A model that does not delete the first so many times."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.deleted: list[str] = []

    async def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise Unavailable("not now")
        self.deleted.append(name)
        await super().delete(kind, namespace, name, options)


def room_for(bench: Bench, name: str, victims: tuple[PlacedPod, ...]) -> Preemption:
    pod = bench.pending(make_pod(name, priority=10))
    refusal = Unschedulable(pod, 1, (), Cause.POD_GONE, Cause(0))
    return Preemption(pod, "a", victims, 0, refusal)


@pytest.mark.parametrize("failures", [0, 1])
async def test_a_victim_of_two_pods_is_told_once(failures: int) -> None:
    low, node = make_pod("low", node="a"), make_node("a")
    bench, model = Bench(node, pods=[low]), Deaf(failures)
    model.put_new(low)
    victims = tuple(bench.cluster.pods.values())
    done: list[str] = []
    evictor = Evictor(model, model, model, SystemClock(), lambda made: done.append(made.pod.key))
    task = asyncio.create_task(evictor.run(), name="evictor")
    try:
        for name in ("first", "second", "third"):
            evictor.add(room_for(bench, name, victims))
            await until(partial(done.__contains__, f"default/{name}"))
        assert done == ["default/first", "default/second", "default/third"]
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert model.deleted == ["low"]
    assert [event.reason for event in model.events] == ["Preempted"]
