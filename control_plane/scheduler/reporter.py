"""Tells people why a pod waits: its PodScheduled condition and a FailedScheduling event, without a storm.

A report is written when the reasons change, again for changed counts alone only after a while, and never more
than so many a second; of several reports about one pod the newest is written. Owns its task; may not decide.
"""

import asyncio
from collections import OrderedDict
from typing import Literal, Protocol

import structlog
from google.protobuf.message import Message

from control_plane.objects.interface import Objects, Writer
from control_plane.scheduler.decisions import Held, Unschedulable
from control_plane.scheduler.settings import SchedulerSettings
from knarr.api.conditions import condition_of, set_condition
from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

log = structlog.get_logger()
CONDITION = "PodScheduled"
REASON = "Unschedulable"
_REMEMBERED = 50_000


class Recorder(Protocol):
    """Writes Event objects, in its own time."""

    def record(self, obj: Message, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Must not block; may drop what is too much."""
        ...


class Bucket:
    """A token bucket: so many per second, so many at once."""

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens, self._at = burst, now

    def take(self, now: float) -> bool:
        """Whether one more may go now."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Reporter:
    """See the module's docstring."""

    def __init__(
        self, objects: Objects, writer: Writer, recorder: Recorder, clock: Clock, settings: SchedulerSettings
    ) -> None:
        self._objects, self._writer, self._recorder = objects, writer, recorder
        self._clock, self._settings = clock, settings
        self._waiting: OrderedDict[str, Unschedulable | Held] = OrderedDict()
        self._told: OrderedDict[str, tuple[float, frozenset[str], str]] = OrderedDict()
        self._some = asyncio.Event()

    def report(self, key: str, verdict: Unschedulable | Held) -> None:
        """Say that the pod `key` waits, and why; does not block."""
        told = self._told.get(key)
        if told is not None:
            at, reasons, message = told
            if message == verdict.told:
                return
            again = self._clock.monotonic() - at >= self._settings.report_again_s
            if reasons == frozenset(verdict.counts) and not again:
                return
        self._waiting[key] = verdict
        self._some.set()

    def forget(self, key: str) -> None:
        """The pod no longer waits."""
        self._waiting.pop(key, None)
        self._told.pop(key, None)

    async def run(self) -> None:
        """Write reports until cancelled."""
        while True:
            await self._some.wait()
            while self._waiting:
                key, verdict = self._waiting.popitem(last=False)
                await self._write(key, verdict)
                await asyncio.sleep(1 / self._settings.reports_per_s)
            self._some.clear()

    async def _write(self, key: str, verdict: Unschedulable | Held) -> None:
        namespace, _, name = key.partition("/")
        pod = self._objects.get(core.Pod, namespace, name)
        if pod is None or pod.spec.nodeName:
            return
        message = verdict.told
        self._told[key] = (self._clock.monotonic(), frozenset(verdict.counts), message)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        if not note_unschedulable(pod, message, self._clock.now()):
            return
        try:
            await self._writer.update_status(pod)
        except ApiError as error:
            self._told.pop(key, None)  # the pod has changed or is gone: the next attempt reports anew
            log.info("condition_not_written", pod=key, error=str(error))
            return
        self._recorder.record(pod, "Warning", "FailedScheduling", message)


def note_unschedulable(pod: core.Pod, message: str, now: float) -> bool:
    """Set PodScheduled=False with this message on the pod; False when it says so already."""
    found = condition_of(pod.status.conditions, CONDITION)
    if found is not None and (found.status, found.reason, found.message) == ("False", REASON, message):
        return False
    set_condition(pod.status.conditions, CONDITION, "False", REASON, message, now)
    return True
