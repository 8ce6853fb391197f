"""Carries out calls: over which connection, how often, for how long. What a failure means says retries.py.

No write is sent again from here unless nothing was done or the caller says that a second time is harmless.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import grpc.aio

from knarr.backoff import Backoff
from knarr.client import calls
from knarr.client.errors import Ambiguous, Unreachable
from knarr.client.retries import Failed, Verdict, judge
from knarr.client.servers import Link, Servers
from knarr.errors import ApiError, Timeout, TooManyRequests, Unavailable

T = TypeVar("T")
Call = Callable[[Link, float], Awaitable[T]]  # over a link, within so many seconds

FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 2.0
SHORTEST_S = 0.1  # of a try: with less time than this the answer would be lost on the way
LONGEST_S = 3600.0  # of a try, where its time has no end: gRPC takes no infinite ones
SETTLE_S = 5.0  # to find out what became of a write, when its own time is over


@dataclass(frozen=True, slots=True)
class Write(Generic[T]):
    """A write, and what is known about it that decides what happens when its answer is lost."""

    what: str  # for the error's sentence: `create of Pod "web/web-1"`
    call: Call[T]
    # Sent again while in doubt: a precondition in it (uid, resourceVersion) makes that it is not done twice.
    repeatable: Callable[[], bool] = lambda: False
    # Done whole or not at all. Of one that is not, no answer says that nothing was done.
    atomic: bool = True
    # Reads what became of it. None: that cannot be told.
    settle: Callable[[], Awaitable[T | None]] | None = None


class _Time:
    """How long a call may take, with all its tries and the pauses between them."""

    def __init__(self, timeout_s: float, rng: random.Random) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + timeout_s
        self._backoff = Backoff(rng, FIRST_BACKOFF_S, MAX_BACKOFF_S)

    @property
    def left_s(self) -> float:
        return min(LONGEST_S, max(SHORTEST_S, self._ends_at - self._loop.time()))

    async def pause(self, least_s: float) -> bool:
        """Wait before the next try; False, at once, when there is no time for one."""
        pause_s = self._backoff.next_s() + least_s
        if self._loop.time() + pause_s >= self._ends_at:
            return False
        await asyncio.sleep(pause_s)
        return True


class Attempts:
    """Calls to any of the servers, tried as often as is safe."""

    def __init__(self, servers: Servers, timeout_s: float, rng: random.Random) -> None:
        self.servers = servers
        self.rng = rng
        self._timeout_s = timeout_s

    async def read(self, call: Call[T], timeout_s: float | None = None) -> T:
        """Make a call that changes nothing; again while it cannot be answered. When time is up, raises the
        last ApiError that said why."""
        time = self._time(timeout_s)
        reason: ApiError | None = None
        while True:
            outcome = await self._try(call, time)
            if not isinstance(outcome, _Failure):
                return outcome.value
            error = outcome.failed.error
            if judge(outcome.failed).read is not Verdict.AGAIN:
                raise (reason or error if isinstance(error, Timeout) else error) from outcome.cause
            reason = error
            if not await time.pause(error.retry_after_s):
                raise error from outcome.cause

    async def write(self, write: Write[T], timeout_s: float | None = None) -> T:
        """Make a call that changes something. Raises Unreachable or what the server answered when it was not
        done, and Ambiguous when that is not known."""
        time = self._time(timeout_s)
        doubt: ApiError | None = None  # why the first try that may have been done failed
        while True:
            outcome = await self._try(write.call, time)
            if not isinstance(outcome, _Failure):
                return outcome.value
            error = outcome.failed.error
            verdict = judge(outcome.failed).write
            if verdict is Verdict.AGAIN and outcome.failed.answered and not write.atomic:
                verdict = Verdict.IN_DOUBT
            if verdict is Verdict.IN_DOUBT:
                doubt = doubt or error
            again = verdict is Verdict.AGAIN or (verdict is Verdict.IN_DOUBT and write.repeatable())
            if again and await time.pause(error.retry_after_s):
                continue
            if doubt is None:
                raise error from outcome.cause
            return await self._settled(write, doubt, error)

    async def _settled(self, write: Write[T], doubt: ApiError, last: ApiError) -> T:
        """What became of a write that was in doubt; `last` is what its last try got."""
        if write.settle is not None:
            try:
                async with asyncio.timeout(SETTLE_S):
                    found = await write.settle()
            except (ApiError, TimeoutError) as error:
                _raise_ambiguous(write.what, doubt, error)
            if found is not None:
                return found
        _raise_ambiguous(write.what, doubt, last)

    def _time(self, timeout_s: float | None) -> _Time:
        return _Time(self._timeout_s if timeout_s is None else timeout_s, self.rng)

    async def _try(self, call: Call[T], time: _Time) -> "_Answer[T] | _Failure":
        try:
            async with asyncio.timeout(time.left_s):
                link = await self.servers.link()
        except Unreachable as error:
            return _Failure(Failed(error, None, answered=False), error)
        except TimeoutError as error:
            unreachable = Unreachable(f"no control plane answers at {self.servers}")
            return _Failure(Failed(unreachable, None, answered=False), error)
        try:
            with self.servers.call():
                return _Answer(await call(link, time.left_s))
        except grpc.aio.AioRpcError as error:
            failed = calls.failed(error)
            if isinstance(failed.error, Unavailable | TooManyRequests):
                self.servers.failed(link)
            return _Failure(failed, error)


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _Failure:
    failed: Failed
    cause: Exception


def _raise_ambiguous(what: str, doubt: ApiError, last: Exception) -> NoReturn:
    then = ""
    if last is not doubt:
        then = f"; then: {last.message if isinstance(last, ApiError) else 'no answer in time'}"
    raise Ambiguous(
        f"{what} may have been done or not: {doubt.message}{then}; read before you write again"
    ) from last
