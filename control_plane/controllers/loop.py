"""The loop that drives every controller: watch -> queue of keys -> decide on a snapshot -> apply -> requeue.

Level-driven: an event only names a key, a periodic resync repairs what an event missed, and nobody acts
before the cache is filled. A write returns when the cache has seen it, and a key has one worker: no decision
misses what the decision before it did. The loop may not know any kind.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

import structlog
from google.protobuf.message import Message

from control_plane.controllers.actions import Action, Failure
from control_plane.controllers.apply import Applied, Applier, ApplySettings, Recorder
from control_plane.controllers.metrics import ControllerMetrics
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects, Writer
from knarr.clock import Clock
from knarr.errors import AlreadyExists, Conflict, NotFound
from knarr.workqueue import QueueSettings, WorkQueue

_log = structlog.get_logger(__name__)

S = TypeVar("S")

KeysOf = Callable[[Objects, ObjectChange], Iterable[ObjectKey]]
"""Which keys a change concerns. Called for every change: cheap, and never raises."""

SLICE = 500  # keys added before others run
LOST_RACES = (Conflict, NotFound, AlreadyExists)  # ordinary: decide again from what is true now


class Controller(Protocol[S]):
    """What differs from one controller to the next."""

    @property
    def name(self) -> str: ...

    @property
    def primaries(self) -> Sequence[type[Message]]:
        """The kinds whose objects are decided about again at each resync."""
        ...

    @property
    def watches(self) -> Mapping[type[Message], KeysOf]:
        """For each kind that matters: which keys a change of it concerns."""
        ...

    def snapshot(self, objects: Objects, key: ObjectKey, failure: Failure | None) -> S | None:
        """Everything the decision needs, read at one moment; None when there is nothing to decide."""
        ...

    def decide(self, snapshot: S, now: float) -> tuple[Action, ...]:
        """What to do, in order. Pure. `now` is seconds since 1970."""
        ...


@runtime_checkable
class Triggered(Protocol):
    """A controller that has reasons to decide which are not in the object store."""

    def listen(self, trigger: Callable[[ObjectKey], None]) -> Callable[[], None]:
        """Call `trigger` with each key that has such a reason; returns what ends it."""
        ...


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How one controller's loop runs."""

    workers: int = 8  # keys at once: decisions do not overlap, waiting for writes does
    resync_s: float = 300.0  # a missed event is repaired within five minutes
    rest_share: float = 3.0  # a key rests this many times as long as its decision took: large ones take turns
    slow_decision_s: float = 0.1  # longer ones are logged: they are felt by everybody on the event loop
    queue: QueueSettings = field(default_factory=QueueSettings)
    apply: ApplySettings = field(default_factory=ApplySettings)


class ControllerLoop(Generic[S]):
    """Runs one controller until it is cancelled."""

    def __init__(
        self,
        controller: Controller[S],
        objects: Objects,
        writer: Writer,
        recorder: Recorder,
        clock: Clock,
        jitter: random.Random,
        metrics: ControllerMetrics,
        settings: LoopSettings | None = None,
    ) -> None:
        self._controller = controller
        self._objects = objects
        self._clock = clock
        self._random = jitter
        self._metrics = metrics
        self._settings = settings or LoopSettings()
        self._keys_of = {kind.DESCRIPTOR.name: keys for kind, keys in controller.watches.items()}
        self._failures: dict[ObjectKey, Failure] = {}
        self._queue = WorkQueue[ObjectKey](
            self._settings.queue, jitter, metrics.queue_wait.labels(controller.name).observe
        )
        actions = metrics.actions
        self._applier = Applier(
            writer,
            recorder,
            self._settings.apply,
            lambda action: actions.labels(controller.name, action).inc(),
        )
        metrics.queue_depth.labels(controller.name).set_function(lambda: len(self._queue))

    @property
    def name(self) -> str:
        return self._controller.name

    async def run(self) -> None:
        """Run until cancelled. Never returns."""
        await self._objects.synced()
        with ExitStack() as ends:
            ends.callback(self._queue.close)
            ends.callback(self._objects.subscribe(tuple(self._controller.watches), self._changed))
            if isinstance(self._controller, Triggered):
                ends.callback(self._controller.listen(self._queue.add))
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    group.create_task(self._work(), name=f"{self.name} worker {number}")
                group.create_task(self._resync(), name=f"{self.name} resync")

    def _changed(self, changes: Sequence[ObjectChange]) -> None:
        for change in changes:
            for key in self._keys_of[change.key.kind](self._objects, change):
                self._queue.add(key)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_s * self._random.uniform(0.8, 1.2))
            for kind in self._controller.primaries:
                for number, key in enumerate(list(self._objects.keys(kind))):
                    self._queue.add(key)
                    if number % SLICE == 0:
                        await asyncio.sleep(0)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            started, took_s = self._clock.monotonic(), 0.0
            try:
                failure = self._failures.get(key)
                actions, took_s = self._decide(key, failure)
                self._finish(key, failure, await self._applier.apply(actions))
            except Exception:
                self._metrics.errors.labels(self.name, "Exception").inc()
                delay_s = self._queue.add_failed(key)
                _log.exception("controller failed", controller=self.name, key=str(key), retry_in_s=delay_s)
            finally:
                self._queue.done(key, took_s * self._settings.rest_share)
                self._metrics.pass_.labels(self.name).observe(self._clock.monotonic() - started)
            await asyncio.sleep(0)  # a long queue of quick decisions must not hold the event loop

    def _decide(self, key: ObjectKey, failure: Failure | None) -> tuple[Sequence[Action], float]:
        """The actions, and how many seconds it took to decide."""
        started = self._clock.monotonic()
        snapshot = self._controller.snapshot(self._objects, key, failure)
        actions = () if snapshot is None else self._controller.decide(snapshot, self._clock.now())
        took_s = self._clock.monotonic() - started
        self._metrics.decision.labels(self.name).observe(took_s)
        if took_s > self._settings.slow_decision_s:
            _log.warning("decision was slow", controller=self.name, key=str(key), took_s=round(took_s, 3))
        return actions, took_s

    def _finish(self, key: ObjectKey, before: Failure | None, applied: Applied) -> None:
        if applied.requeue_after_s is not None:
            self._queue.add_after(key, applied.requeue_after_s)
        if applied.error is None:
            self._queue.forget(key)
            if before is not None:
                del self._failures[key]
                self._queue.add(key)  # so that the status no longer says it failed
            return
        self._metrics.errors.labels(self.name, applied.error.reason).inc()
        if applied.failure is not None:
            self._failures[key] = applied.failure
        delay_s = self._queue.add_failed(key)
        log = _log.debug if isinstance(applied.error, LOST_RACES) else _log.warning
        log(
            "decision was not carried out",
            controller=self.name,
            key=str(key),
            error=applied.error.message,
            retry_in_s=round(delay_s, 3),
        )
