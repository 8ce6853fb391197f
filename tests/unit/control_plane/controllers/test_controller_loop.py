"""The common loop, with a controller of a few lines over the model."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from control_plane.controllers.actions import Action, Failure, RequeueAfter, Update, copy_of
from control_plane.controllers.loop import ControllerLoop, KeysOf, LoopSettings
from control_plane.controllers.metrics import ControllerMetrics
from control_plane.controllers.owners import itself
from control_plane.objects.interface import ObjectKey, Objects
from knarr.clock import SystemClock
from knarr.errors import Conflict, Forbidden
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.workqueue import QueueSettings
from tests.support.model import Model
from tests.support.waiting import until

QUICK = LoopSettings(workers=3, queue=QueueSettings(backoff_first_s=0.001, backoff_limit_s=0.002, rest_s=0.0))


@dataclass
class Labeller:
    """Labels every ConfigMap done=yes; comes back after `again_s` until it is done."""

    name: str = "labeller"
    primaries: Sequence[type[Message]] = (core.ConfigMap,)
    watches: Mapping[type[Message], KeysOf] = field(default_factory=lambda: {core.ConfigMap: itself})
    again_s: float | None = None
    decisions: list[tuple[str, Failure | None]] = field(default_factory=list)
    broken: int = 0

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> core.ConfigMap | None:
        self.decisions.append((key.name, failure))
        return objects.get(core.ConfigMap, key.namespace, key.name)

    def decide(self, snapshot: core.ConfigMap, now: float) -> tuple[Action, ...]:
        if self.broken:
            self.broken -= 1
            raise RuntimeError("a defect")
        if snapshot.metadata.labels.get("done") == "yes":
            return ()
        if self.again_s is not None:
            again, self.again_s = self.again_s, None
            return (RequeueAfter(again),)
        labelled = copy_of(snapshot)
        labelled.metadata.labels["done"] = "yes"
        return (Update(labelled),)


def config_map(name: str) -> core.ConfigMap:
    obj = core.ConfigMap()
    obj.metadata.name, obj.metadata.namespace = name, "default"
    return obj


class Running:
    def __init__(self, model: Model, controller: Labeller, settings: LoopSettings) -> None:
        self.registry = CollectorRegistry()
        self.loop = ControllerLoop(
            controller,
            model,
            model,
            model,
            SystemClock(),
            random.Random(1),
            ControllerMetrics(self.registry),
            settings,
        )

    def errors(self, reason: str) -> float:
        labels = {"controller": "labeller", "reason": reason}
        return self.registry.get_sample_value("knarr_controller_errors_total", labels) or 0.0


@asynccontextmanager
async def running(
    model: Model, controller: Labeller, settings: LoopSettings = QUICK
) -> AsyncIterator[Running]:
    held = Running(model, controller, settings)
    task = asyncio.create_task(held.loop.run())
    try:
        yield held
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


def all_done(model: Model, count: int) -> Callable[[], bool]:
    return lambda: (
        sum(one.metadata.labels.get("done") == "yes" for one in model.list(core.ConfigMap)) == count
    )


async def test_what_exists_and_what_comes_is_decided_about() -> None:
    model, controller = Model(), Labeller()
    for number in range(20):
        model.put_new(config_map(f"old-{number}"))
    async with running(model, controller) as held:
        model.put_new(config_map("new"))
        await until(all_done(model, 21))
        labels = {"controller": "labeller", "action": "Update"}
        assert held.registry.get_sample_value("knarr_controller_actions_total", labels) == 21
    decisions = len(controller.decisions)
    model.put_new(config_map("late"))
    await asyncio.sleep(0)
    assert len(controller.decisions) == decisions  # a loop that has ended does nothing


async def test_nobody_acts_before_the_cache_is_filled() -> None:
    filled = asyncio.Event()

    @dataclass
    class Filling(Model):
        async def synced(self) -> None:
            await filled.wait()

    model, controller = Filling(), Labeller()
    model.put_new(config_map("a"))
    async with running(model, controller):
        for _ in range(10):
            await asyncio.sleep(0)
        assert controller.decisions == []
        filled.set()
        await until(all_done(model, 1))


async def test_a_lost_race_is_tried_again_and_a_refusal_is_told_to_the_next_decision() -> None:
    errors = [Conflict("changed"), Forbidden("no"), Forbidden("no")]

    def refuse(verb: str, obj: object) -> None:
        if verb == "update" and errors:
            raise errors.pop(0)

    model, controller = Model(refuse=refuse), Labeller()
    model.put_new(config_map("a"))
    async with running(model, controller) as held:
        await until(lambda: len(controller.decisions) >= 5)
        await until(all_done(model, 1))
        assert held.errors("Conflict") == 1
        assert held.errors("Forbidden") == 2
    failure = Failure("Update", "no")
    told = [failure for _, failure in controller.decisions]
    assert told[:4] == [None, None, failure, failure]
    assert told[-1] is None


async def test_a_defect_in_one_decision_does_not_end_the_loop() -> None:
    model, controller = Model(), Labeller(broken=3)
    model.put_new(config_map("a"))
    async with running(model, controller) as held:
        await until(all_done(model, 1))
        assert held.errors("Exception") == 3


async def test_requeue_after_comes_back_without_an_event() -> None:
    model, controller = Model(), Labeller(again_s=0.01)
    model.put_new(config_map("a"))
    async with running(model, controller):
        await until(all_done(model, 1))


async def test_resync_repairs_what_no_event_told() -> None:
    model, controller = Model(), Labeller(watches={core.Secret: itself})
    model.put_new(config_map("a"))
    settings = LoopSettings(resync_s=0.01, queue=QUICK.queue)
    async with running(model, controller, settings):
        await until(all_done(model, 1))
