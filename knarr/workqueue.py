"""The work queue of whoever reconciles, in the control plane or with the client library: which keys to
decide about, each once, and when.

Its contract: a key that is added while it waits is not added twice; a key that is added while it is worked
on is worked on again afterwards; no key is worked on by two workers; a key rests for `rest_s` after it was
worked on, so that a burst of changes becomes one decision. It holds each key once, so its bound is the number
of objects. It may not know what a key means. All waiting is by the event loop's own time.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How the queue paces its keys."""

    backoff_first_s: float = 0.01  # the first retry is soon: most failures are lost races
    backoff_limit_s: float = 30.0  # what fails for long is still tried twice a minute
    rest_s: float = 0.05  # 20 decisions a second about one key are enough for people and tools


class _Busy(Enum):
    WORKING = auto()
    RESTING = auto()


class WorkQueue(Generic[K]):
    """A deduplicating queue with delays and back-off for each key. Not thread-safe: one event loop."""

    def __init__(
        self,
        settings: QueueSettings,
        jitter: random.Random,
        waited: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`waited` is told for how many seconds each key had been ready before it was taken."""
        self._settings = settings
        self._random = jitter
        self._waited = waited
        self._ready: OrderedDict[K, float] = OrderedDict()  # since when
        self._busy: dict[K, _Busy] = {}
        self._again: set[K] = set()  # added while busy
        self._timers: dict[K, asyncio.TimerHandle] = {}  # delayed adds, one a key: the earliest
        self._rests: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._wakeup = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        """How many keys are ready to be worked on."""
        return len(self._ready)

    def add(self, key: K) -> None:
        """Work on the key as soon as possible."""
        if self._closed or key in self._ready:
            return
        if key in self._busy:
            self._again.add(key)
            return
        self._ready[key] = asyncio.get_running_loop().time()
        self._wakeup.set()

    def add_after(self, key: K, delay_s: float) -> None:
        """Work on the key in so many seconds, if it is not worked on before."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(0.0, delay_s)
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._timer_fired, key)

    def add_failed(self, key: K) -> float:
        """Work on the key again after a back-off that grows with each failure; returns it in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        limit = self._settings.backoff_limit_s
        delay: float = min(limit, self._settings.backoff_first_s * 2.0 ** min(failures, 32))
        delay *= self._random.uniform(0.5, 1.0)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """It went well: the next failure of the key is its first."""
        self._failures.pop(key, None)

    async def get(self) -> K:
        """The next key; it is the caller's until `done`. Waits as long as there is none."""
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        key, since = self._ready.popitem(last=False)
        self._busy[key] = _Busy.WORKING
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()  # whoever works on it now decides anew what is due later
        self._waited(asyncio.get_running_loop().time() - since)
        return key

    def done(self, key: K, rest_s: float = 0.0) -> None:
        """The caller has finished with the key; it rests for `rest_s` or as set, whichever is longer."""
        if self._busy.get(key) is not _Busy.WORKING:
            raise ValueError(f"{key} is not being worked on")
        rest_s = max(rest_s, self._settings.rest_s)
        if rest_s > 0 and not self._closed:
            self._busy[key] = _Busy.RESTING
            loop = asyncio.get_running_loop()
            self._rests[key] = loop.call_later(rest_s, self._release, key)
        else:
            self._release(key)

    def close(self) -> None:
        """Drop everything and cancel all timers; what is added later is ignored."""
        self._closed = True
        for timer in (*self._timers.values(), *self._rests.values()):
            timer.cancel()
        self._timers.clear()
        self._rests.clear()
        self._ready.clear()
        self._again.clear()

    def _timer_fired(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _release(self, key: K) -> None:
        self._rests.pop(key, None)
        del self._busy[key]
        if key in self._again:
            self._again.discard(key)
            self.add(key)
