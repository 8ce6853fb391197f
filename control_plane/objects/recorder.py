"""EventRecorder: tells people what happened, as Event objects, in its own time and within bounds.

Nobody waits for an event and nobody depends on one: what is too much is dropped. The same thing said again
within a while is one Event with a count (as Kubernetes' event correlator does). It may not decide anything.
"""

import asyncio
import random
from collections import OrderedDict
from dataclasses import dataclass, field

import structlog
from google.protobuf.message import Message

from control_plane.objects.interface import Writer
from knarr.api import kinds
from knarr.clock import Clock
from knarr.errors import ApiError, Conflict, NotFound, Timeout, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

log = structlog.get_logger(__name__)

CLUSTER_EVENTS = "default"  # the namespace of events about objects that have none
_NAME_ROOM = 253 - 17


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """Bounds of what is kept and written."""

    flush_s: float = 0.2  # events are collected this long, and written together
    batch: int = 128  # writes under way at once
    pending: int = 4_096  # events not written yet; more are dropped
    remembered: int = 4_096  # events that a repetition is counted on instead of making another
    window_s: float = 600.0  # a repetition after this long is a new event
    repeat_s: float = 2.0  # a count is written at most this often
    burst: int = 25  # different events about one object for one reason at once, as Kubernetes
    refill_s: float = 60.0  # one more of them after each of these
    tries: int = 3  # of a write that the store did not take
    retry_s: float = 1.0  # between two of them, doubled and jittered
    write_timeout_s: float = 10.0


@dataclass(slots=True)
class _Entry:
    """One event, as said so far."""

    event: core.Event
    written: bool = False
    due: float = 0.0  # monotonic: not written before
    tries: int = 0


_Key = tuple[str, str, str, str]  # uid or name of the object, type, reason, message


@dataclass(slots=True)
class _Allowance:
    """A token bucket."""

    tokens: float
    at: float


@dataclass(slots=True)
class _Counters:
    """What became of events."""

    recorded: int = 0
    dropped: int = 0
    written: int = 0
    by_error: dict[str, int] = field(default_factory=dict)


class EventRecorder:
    """Takes events from anywhere in the process; `run` writes them."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        rng: random.Random,
        component: str = "knarr-control-plane",
        settings: RecorderSettings | None = None,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._rng = rng
        self._component = component
        self._settings = settings or RecorderSettings()
        self._known: OrderedDict[_Key, _Entry] = OrderedDict()
        self._pending: OrderedDict[_Key, _Entry] = OrderedDict()
        self._allowances: OrderedDict[tuple[str, str], _Allowance] = OrderedDict()
        self._wakeup = asyncio.Event()
        self.counters = _Counters()

    def record(self, obj: Message, type: str, reason: str, message: str) -> None:
        """Say that something happened to `obj`. `type` is Normal or Warning. Never blocks or raises for what
        is too much: that is dropped."""
        self.counters.recorded += 1
        about = _reference(obj)
        key = (about.uid or f"{about.kind}/{about.namespace}/{about.name}", type, reason, message)
        now = self._clock.now()
        entry = self._known.get(key)
        if entry is not None and now - _seconds(entry.event.lastTimestamp) <= self._settings.window_s:
            self._known.move_to_end(key)
            self._repeat(entry, now)
        elif self._allowed(key[0], reason):
            entry = _Entry(self._event(about, type, reason, message, now))
            self._known[key] = entry
            self._known.move_to_end(key)
            while len(self._known) > self._settings.remembered:
                self._known.popitem(last=False)
        else:
            self.counters.dropped += 1
            return
        if key in self._pending or len(self._pending) < self._settings.pending:
            self._pending[key] = entry
            self._wakeup.set()
        else:
            self.counters.dropped += 1

    async def run(self) -> None:
        """Write what is recorded, until cancelled."""
        while True:
            if not self._pending:
                self._wakeup.clear()
                await self._wakeup.wait()
            await asyncio.sleep(self._settings.flush_s)
            await self._flush()

    async def _flush(self) -> None:
        now = self._clock.monotonic()
        due = [key for key, entry in self._pending.items() if entry.due <= now][: self._settings.batch]
        entries = [(key, self._pending.pop(key)) for key in due]
        async with asyncio.TaskGroup() as tasks:
            for key, entry in entries:
                tasks.create_task(self._write(key, entry), name="write event")

    async def _write(self, key: _Key, entry: _Entry) -> None:
        entry.due = self._clock.monotonic() + self._settings.repeat_s
        event = core.Event()
        event.CopyFrom(entry.event)
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                stored = await (self._writer.update(event) if entry.written else self._writer.create(event))
        except (Unavailable, Timeout, TimeoutError) as error:
            self._try_again(key, entry, error)
        except (NotFound, Conflict) as error:
            if entry.written:  # somebody deleted or changed it: say it anew
                entry.written = False
                entry.event.metadata.CopyFrom(self._metadata(entry.event.involvedObject))
                self._try_again(key, entry, error)
            else:
                self._drop(key, entry, error)
        except ApiError as error:
            self._drop(key, entry, error)
        else:
            entry.written, entry.tries = True, 0
            entry.event.metadata.CopyFrom(stored.metadata)
            self.counters.written += 1

    def _try_again(self, key: _Key, entry: _Entry, error: Exception) -> None:
        entry.tries += 1
        if entry.tries >= self._settings.tries or len(self._pending) >= self._settings.pending:
            self._drop(key, entry, error)
            return
        delay_s = self._settings.retry_s * 2**entry.tries * self._rng.uniform(0.5, 1.0)
        entry.due = self._clock.monotonic() + delay_s
        self._pending[key] = entry
        self._wakeup.set()

    def _drop(self, key: _Key, entry: _Entry, error: Exception) -> None:
        self._known.pop(key, None)
        self.counters.dropped += 1
        name = type(error).__name__
        self.counters.by_error[name] = self.counters.by_error.get(name, 0) + 1
        log.info("event was dropped", reason=entry.event.reason, about=key[0], error=str(error))

    def _repeat(self, entry: _Entry, now: float) -> None:
        event = entry.event
        event.count += 1
        event.lastTimestamp.seconds = int(now)
        event.series.count = event.count
        event.series.lastObservedTime.seconds = int(now)

    def _allowed(self, about: str, reason: str) -> bool:
        now = self._clock.monotonic()
        settings = self._settings
        allowance = self._allowances.get((about, reason))
        if allowance is None:
            allowance = _Allowance(settings.burst, now)
            self._allowances[about, reason] = allowance
            while len(self._allowances) > settings.remembered:
                self._allowances.popitem(last=False)
        refilled = allowance.tokens + (now - allowance.at) / settings.refill_s
        allowance.tokens, allowance.at = min(settings.burst, refilled), now
        if allowance.tokens < 1:
            return False
        allowance.tokens -= 1
        return True

    def _event(
        self, about: core.ObjectReference, type: str, reason: str, message: str, now: float
    ) -> core.Event:
        stamp = meta.Time(seconds=int(now))
        return core.Event(
            metadata=self._metadata(about),
            involvedObject=about,
            type=type,
            reason=reason,
            message=message,
            count=1,
            firstTimestamp=stamp,
            lastTimestamp=stamp,
            source=core.EventSource(component=self._component),
            reportingComponent=self._component,
        )

    def _metadata(self, about: core.ObjectReference) -> meta.ObjectMeta:
        suffix = f"{self._rng.getrandbits(64):016x}"
        return meta.ObjectMeta(
            name=f"{about.name[:_NAME_ROOM]}.{suffix}", namespace=about.namespace or CLUSTER_EVENTS
        )


def _reference(obj: Message) -> core.ObjectReference:
    kind = kinds.of(obj)
    own: meta.ObjectMeta = obj.metadata  # type: ignore[attr-defined]  # every served kind has it
    return core.ObjectReference(
        apiVersion=kind.api_version,
        kind=kind.name,
        namespace=own.namespace,
        name=own.name,
        uid=own.uid,
        resourceVersion=own.resourceVersion,
    )


def _seconds(time: meta.Time) -> float:
    return float(time.seconds)
