"""An event loop in which time passes only when nobody has anything to do.

`asyncio.sleep`, timeouts and `call_later` work as ever; a day of the cluster takes seconds. When nothing is
ready and nothing is scheduled the loop would wait for ever: that is a deadlock, and raised as one.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from knarr.clock import Clock

T = TypeVar("T")

EPOCH = 1_700_000_000.0  # the wall clock at the start of every simulation


class Deadlock(RuntimeError):
    """Everybody waits for somebody else."""


class VirtualSelector(selectors.DefaultSelector):
    """Does not wait: it moves the time on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise Deadlock("every task waits and no timer is set")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now


class VirtualClock(Clock):
    """The loop's time as everybody's clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return EPOCH + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


def run(work: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run to the end; tasks left behind are cancelled and waited for."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)
