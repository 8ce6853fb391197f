"""Keeps a picture of the cluster for questions, and the one thread in which they are thought about.

A question may take a second on a large cluster: on the event loop it would hold everything else. The first
question fills the picture; it is kept up to date while questions come, and dropped when none has come for a
while, as it takes as much memory as the scheduler's own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from control_plane.insight.picture import Picture
from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from control_plane.scheduler.intake import LOOKED_AT
from control_plane.scheduler.profiles import Profiles
from knarr.clock import Clock
from knarr.errors import TooManyRequests

T = TypeVar("T")

log = structlog.get_logger()

KEPT_S = 300.0
MOST_WAITING = 16
RETRY_S = 1


class Pictures:
    """See the module's docstring. All methods are called on the event loop."""

    def __init__(self, objects: Objects, profiles: Profiles, clock: Clock, kept_s: float = KEPT_S) -> None:
        self._objects, self._profiles, self._clock, self._kept_s = objects, profiles, clock, kept_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="insight")
        self._changes: dict[ObjectKey, ObjectChange] = {}
        self._picture: Picture | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._waiting = 0
        self._asked_at = 0.0
        self._asked = asyncio.Event()

    async def run(self) -> None:
        """Drop the picture when it is not asked for; until cancelled."""
        try:
            while True:
                await self._asked.wait()
                left_s = self._asked_at + self._kept_s - self._clock.monotonic()
                if self._waiting or left_s > 0:
                    await asyncio.sleep(max(0.0, left_s) or RETRY_S)
                else:
                    self._asked.clear()
                    self._drop()
        finally:
            self._drop()
            self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: Callable[[Picture], T]) -> T:
        """What `question` says of the cluster as it is now. It runs in the thread, alone; whatever it tries
        on the picture it puts back. Raises TooManyRequests, and what the question raises."""
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests("too many questions at once", retry_after_s=RETRY_S)
        self._waiting += 1
        try:
            picture = await self._filled()
            # Apart from the question, which may be called off before it begins: changes come only once.
            fed = self._thread.submit(picture.take_in, tuple(self._changes.values()))
            fed.add_done_callback(_tell_failure)
            self._changes.clear()
            return await asyncio.wrap_future(self._thread.submit(picture.answer, question))
        finally:
            if self._picture is not None and self._picture.broken:
                self._drop()
            self._waiting -= 1
            self._asked_at = self._clock.monotonic()
            self._asked.set()

    @property
    def kept(self) -> bool:
        """Whether there is a picture now."""
        return self._picture is not None

    async def _filled(self) -> Picture:
        """The picture, subscribed to all that exists."""
        while True:
            if self._picture is None:
                self._picture = Picture(self._profiles)
                self._unsubscribe = self._objects.subscribe(LOOKED_AT, self._changed)
            picture = self._picture
            await self._objects.synced()
            if picture is self._picture:  # nobody has dropped it meanwhile
                return picture

    def _changed(self, changes: Sequence[ObjectChange]) -> None:
        for change in changes:
            self._changes[change.key] = change

    def _drop(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = self._picture = None
        self._changes.clear()


def _tell_failure(fed: "Future[None]") -> None:
    """The questions that follow are told that there is no picture; the cause is for the log."""
    error = None if fed.cancelled() else fed.exception()
    if error is not None:
        log.error("picture_was_not_brought_up_to_date", exc_info=error)
