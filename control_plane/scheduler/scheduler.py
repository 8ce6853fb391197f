"""The scheduler's shell: takes changes in, has pods decided in short slices, sends bindings, reports.

Decides nothing itself (decide.py does) and holds the event loop for no longer than a slice. Idle, it waits
for a change or for the next timer, whichever is first.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import structlog
from prometheus_client import CollectorRegistry

from control_plane.objects.interface import ObjectChange, Objects, Writer
from control_plane.scheduler.binder import Binder
from control_plane.scheduler.cluster import Cluster
from control_plane.scheduler.decide import Way, decide, way_of
from control_plane.scheduler.decisions import Decision, Placed, Preemption, Unschedulable
from control_plane.scheduler.evaluate import look
from control_plane.scheduler.evictor import Evictor
from control_plane.scheduler.framework import Cause, Profile
from control_plane.scheduler.gangs.attempt import GangAttempt
from control_plane.scheduler.gangs.keeper import GangKeeper
from control_plane.scheduler.intake import LOOKED_AT, Intake, Wakes
from control_plane.scheduler.metrics import SchedulerMetrics
from control_plane.scheduler.nominations import Nominations
from control_plane.scheduler.preemption import Budget
from control_plane.scheduler.profiles import Profiles
from control_plane.scheduler.queue import Crowd, Queue
from control_plane.scheduler.reporter import Bucket, Recorder, Reporter
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.shape import Shape
from control_plane.scheduler.volume_taker import VolumeTaker, VolumeWriter
from control_plane.scheduler.why.hint import hint
from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

log = structlog.get_logger()
_FIRST_RATES = {Way.LOCAL: 50_000.0, Way.SPREAD: 10_000.0, Way.SINGLE: 1_000.0}  # pods a second, at worst
_CROWD = 8  # changes that came together: more are coming
_REST = 3.0  # times what a slice took; then the next finds more to do, and costs little more
_PORTION = 100  # changes taken in between two looks at the clock


class Scheduler:
    """See the module's docstring. One at a time decides: run() only on the leader."""

    def __init__(
        self,
        objects: Objects,
        writer: Writer,
        recorder: Recorder,
        clock: Clock,
        random: random.Random,
        settings: SchedulerSettings | None = None,
        *,
        profiles: Sequence[Profile] = (),
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._objects, self._recorder = objects, recorder
        self._clock, self._random = clock, random
        self._settings = settings or SchedulerSettings()
        self._profiles = Profiles(profiles)
        self._metrics = SchedulerMetrics(registry or CollectorRegistry())
        self._writer = writer
        self._awake = asyncio.Event()
        self._pods_per_s = dict(_FIRST_RATES)  # how fast decisions were of late: sizes the next portion
        self._reset()

    def _reset(self) -> None:
        """Begin with an empty picture: leadership may come back after others have decided."""
        self.cluster = Cluster()
        self.queue = Queue(self._settings, self._random)
        self._reporter = Reporter(self._objects, self._writer, self._recorder, self._clock, self._settings)
        self._binder = Binder(
            self._writer, self._clock, self._settings, self._metrics, self._bound, self._not_bound
        )
        self._outbox = VolumeTaker(
            VolumeWriter(self._objects, self._writer, self._clock),
            self._settings,
            self.cluster.storage.kept_for,
            self._binder,
            self._not_bound,
        )
        self._intake = Intake(
            self.cluster,
            self.queue,
            self._profiles,
            self._outbox.__contains__,
            self._reporter.report,
            self._forget,
        )
        self._evictor = Evictor(self._objects, self._writer, self._recorder, self._clock, self._evicted)
        self._keeper = GangKeeper(
            self._intake.membership, self._objects, self._writer, self._recorder, self._clock
        )
        self._nominations = Nominations(self.cluster, self.queue, self._evictor.add)
        self._attempt: GangAttempt | None = None
        self._wakes = Wakes()  # what is being looked at now, and for which verdicts still
        self._looking: deque[Unschedulable] = deque()
        self._crowded = False
        settings, now = self._settings, self._clock.monotonic()
        self._events = Bucket(settings.scheduled_events_per_s, settings.scheduled_events_burst, now)

    async def run(self) -> None:
        """Schedule until cancelled. Does nothing before the cache is filled."""
        self._reset()
        unsubscribe = self._objects.subscribe(LOOKED_AT, self._changed)
        try:
            await self._objects.synced()  # all that exists: who knows a part overbooks nodes
            async with asyncio.TaskGroup() as group:
                group.create_task(self._binder.run(), name="scheduler-binder")
                group.create_task(self._evictor.run(), name="scheduler-evictor")
                group.create_task(self._reporter.run(), name="scheduler-reporter")
                group.create_task(self._keeper.run(), name="scheduler-gangs")
                group.create_task(self._outbox.run(), name="scheduler-volumes")
                group.create_task(self._loop(), name="scheduler-loop")
        finally:
            unsubscribe()

    def _changed(self, changes: Sequence[ObjectChange]) -> None:
        self._intake.collect(changes)
        self._awake.set()

    async def _loop(self) -> None:
        while True:
            self._awake.clear()
            began = self._clock.monotonic()
            busy = self._slice(began)
            took_s = self._clock.monotonic() - began
            self._metrics.slice_seconds.observe(took_s)
            if busy:
                await asyncio.sleep(0)  # let everything else run between two slices
            else:
                self._metrics.count_pending(self.queue)
                if self._crowded:
                    await asyncio.sleep(min(self._settings.rest_s, _REST * took_s))
                await self._wait()

    async def _wait(self) -> None:
        """Until a change or the next timer."""
        next_time = self.queue.next_time()
        timeout = None if next_time is None else max(0.0, next_time - self._clock.monotonic())
        try:
            async with asyncio.timeout(timeout):
                await self._awake.wait()
        except TimeoutError:
            return

    def _slice(self, began: float) -> bool:
        """Work for at most a slice; returns whether there is more to do at once."""
        end = began + self._settings.slice_s
        self._crowded = self._intake.waiting >= _CROWD
        while self._intake.waiting:
            self._intake.take_in(_PORTION)
            if self._clock.monotonic() >= end:
                return True
        if not self._wake_parked(began, end):
            return True
        self.queue.advance(began)
        while (self._attempt or self.queue.ready) and not self._outbox.full:
            if self._attempt is not None:
                self._try_gang(self._attempt, end)
            else:
                self._decide_some(end)
            if self._clock.monotonic() >= end:
                return True
        return False

    def _forget(self, key: str) -> None:
        self._reporter.forget(key)
        self._nominations.forget(key)

    def _wake_parked(self, now: float, end: float) -> bool:
        """Wake those parked pods that changes may help; returns whether all have been looked at."""
        if not self._looking and self._intake.wakes.causes:
            self._wakes, self._intake.wakes = self._intake.wakes, Wakes()
            self._nominations.hurry(self._wakes.rows.get(Cause.POD_GONE, set()))
            self._looking = deque(self.queue.verdicts())
        while self._looking:
            verdict = self._looking.popleft()
            if self._wakes.helps(verdict, self.cluster, self._profile_of(verdict.pod.shape)):
                self.queue.wake(verdict.pod.crowd, now)
                self._metrics.wakes.inc()
            if self._clock.monotonic() >= end:
                return False
        return True

    def _decide_some(self, end: float) -> None:
        """Decide about the next pods, as many as should fit before `end`."""
        began = self._clock.monotonic()
        taken = self.queue.take(lambda shape: self._portion(shape, end - began))
        if not taken:
            return
        pods = [self._nominations.released(pod) for pod in taken]
        pods.sort(key=lambda pod: not pod.nominated)  # their room is theirs
        rotation = self._random.randrange(1 << 16)
        gang = pods[0].gang
        if gang:
            needs = self._intake.membership.needs(gang) or len(pods)
            self._attempt = GangAttempt(gang, pods, needs, rotation)
            return
        shape = pods[0].shape
        self._apply(
            shape, decide(self.cluster, pods, self._profile_of(shape), rotation, self._budgets), began
        )
        if len(pods) > 1:  # else it was one by one, whatever the way of its like
            took = max(1e-6, self._clock.monotonic() - began)
            rates, way = self._pods_per_s, self._way_of(shape)
            rates[way] += 0.5 * (min(1e6, len(pods) / took) - rates[way])

    def _try_gang(self, attempt: GangAttempt, end: float) -> None:
        """Go on with a gang; other pods wait until it is decided about."""
        while True:
            most = self._portion(attempt.next_shape, end - self._clock.monotonic())
            if attempt.step(self.cluster, self._profile_of, self._budgets, most):
                break
            if self._clock.monotonic() >= end:
                return
        self._attempt = None
        now = self._clock.monotonic()
        outcome = attempt.end(self.cluster, lambda pod: pod.key in self.queue)
        decisions: list[Placed | Preemption] = [*outcome.placed, *outcome.preemptions]
        self._keeper.changed(attempt.gang, None if decisions else outcome.refusal)
        if outcome.refusal is None:
            self._apply(attempt.gang, decisions, now)
            return
        waiting = self.queue.of_gang(attempt.gang)
        leaving = {decision.pod.key for decision in decisions}
        refused = [replace(outcome.refusal, pod=pod) for pod in waiting if pod.key not in leaving]
        self._apply(attempt.gang, [*decisions, *refused], now)

    def _portion(self, shape: Shape, left_s: float) -> int:
        """How many pods of the shape can be decided about in the time left."""
        size = int(max(0.002, left_s) * self._pods_per_s[self._way_of(shape)])
        return max(1, min(self._settings.group_limit, size))

    def _way_of(self, shape: Shape) -> Way:
        return way_of(look(self.cluster, shape), self._profile_of(shape))

    @property
    def _budgets(self) -> list[Budget]:
        return list(self._intake.budgets.values())

    def _profile_of(self, shape: Shape) -> Profile:
        return self._profiles.of(shape.scheduler_name)

    def _apply(self, crowd: Crowd, decisions: Sequence[Decision], now: float) -> None:
        placed = [decision for decision in decisions if isinstance(decision, Placed)]
        refused = self._hinted([decision for decision in decisions if isinstance(decision, Unschedulable)])
        preemptions = [decision for decision in decisions if isinstance(decision, Preemption)]
        verdict = refused[0] if refused else None
        leaving = [d.pod.key for d in placed] + [p.pod.key for p in preemptions]
        self.queue.settle(crowd, leaving, verdict, now)
        self._outbox.add(placed)
        for preemption in preemptions:
            self._metrics.victims.inc(self._nominations.make_room(preemption, now))
        for decision in refused:
            self._reporter.report(decision.pod.key, decision)
        self._metrics.attempts.labels("unschedulable").inc(len(refused) + len(preemptions))

    def _hinted(self, refused: Sequence[Unschedulable]) -> list[Unschedulable]:
        """With what people are told beside the reasons, once for all that are alike."""
        hints: dict[Shape, str] = {}
        for decision in refused:
            shape = decision.pod.shape
            if shape not in hints:
                hints[shape] = hint(self.cluster, decision, self._profile_of(shape))
        return [replace(decision, hint=hints[decision.pod.shape]) for decision in refused]

    def _evicted(self, preemption: Preemption) -> None:
        self._nominations.evicted(preemption, self._clock.monotonic())
        self._awake.set()

    def _bound(self, placed: Placed) -> None:
        self.queue.done(placed.pod.key)
        if placed.pod.gang:
            self._keeper.changed(placed.pod.gang)
        self._metrics.attempts.labels("scheduled").inc()
        self._awake.set()
        if self._events.take(self._clock.monotonic()):
            namespace, _, name = placed.pod.key.partition("/")
            pod = self._objects.get(core.Pod, namespace, name)
            if pod is not None:
                message = f"Successfully assigned {placed.pod.key} to {placed.node}"
                self._recorder.record(pod, "Normal", "Scheduled", message)

    def _not_bound(self, placed: Placed, error: ApiError) -> None:
        """Take back what was assumed and look at the pod anew: it may have changed, be bound, or be gone."""
        pod = placed.pod
        self._metrics.attempts.labels("error").inc()
        log.info("pod_not_bound", pod=pod.key, node=placed.node, error=str(error))
        row = self.cluster.nodes.rows.get(placed.node)
        if self.cluster.undo(pod.key, pod.uid):
            self._intake.wakes.add(Cause.POD_GONE, row)
        namespace, _, name = pod.key.partition("/")
        current = self._objects.get(core.Pod, namespace, name)
        if current is not None and current.metadata.uid == pod.uid and not current.spec.nodeName:
            self.queue.retry(pod, self._clock.monotonic())
        else:
            self._intake.apply_pod(pod.key, current)
        self._awake.set()
