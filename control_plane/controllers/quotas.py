"""The quota keeper: counts a quota when it is new or has changed, and all of them again from time to time.

Writes charge quotas themselves, exactly (control_plane/api/admission/quotas), so there is nothing to do when
objects come and go. What is left is a quota that nobody has counted yet, and the repair of what a process
wrote that did not know of a quota yet: a moment after a quota changed, every process knows. Counting is the
API's: it reads the store and not the cache.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import structlog

from control_plane.objects.interface import ObjectChange, ObjectKey, Objects
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.workqueue import QueueSettings, WorkQueue

_log = structlog.get_logger(__name__)

Recount = Callable[[str, str], Awaitable[None]]
"""Counts the quota of a namespace and name from the store; raises ApiError."""


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """How often quotas are counted."""

    workers: int = 2  # quotas at once: each may read a whole namespace
    settle_s: float = 10.0  # after a change, until every process surely knows of it
    resync_s: float = 300.0  # a wrong count is repaired within five minutes
    queue: QueueSettings = field(default_factory=QueueSettings)


class QuotaKeeper:
    """Has quotas counted until it is cancelled."""

    name = "resourcequota"

    def __init__(
        self,
        objects: Objects,
        recount: Recount,
        jitter: random.Random,
        settings: QuotaSettings | None = None,
    ) -> None:
        self._objects = objects
        self._recount = recount
        self._random = jitter
        self._settings = settings or QuotaSettings()
        self._queue = WorkQueue[ObjectKey](self._settings.queue, jitter)

    async def run(self) -> None:
        """Never returns."""
        await self._objects.synced()
        with ExitStack() as ends:
            ends.callback(self._queue.close)
            ends.callback(self._objects.subscribe((core.ResourceQuota,), self._changed))
            async with asyncio.TaskGroup() as group:
                for number in range(self._settings.workers):
                    group.create_task(self._work(), name=f"{self.name} worker {number}")
                group.create_task(self._resync(), name=f"{self.name} resync")

    def _changed(self, changes: Sequence[ObjectChange]) -> None:
        for change in changes:
            if needs_count(change.old, change.new):
                self._queue.add(change.key)
                self._queue.add_after(change.key, self._settings.settle_s)

    async def _resync(self) -> None:
        while True:
            await asyncio.sleep(self._settings.resync_s * self._random.uniform(0.8, 1.2))
            for key in list(self._objects.keys(core.ResourceQuota)):
                self._queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._recount(key.namespace, key.name)
                self._queue.forget(key)
            except ApiError as error:
                delay_s = self._queue.add_failed(key)
                _log.warning("quota_was_not_counted", quota=str(key), error=error.message, retry_in_s=delay_s)
            finally:
                self._queue.done(key)
            await asyncio.sleep(0)


def needs_count(old: object, new: object) -> bool:
    """Whether a change leaves a quota to be counted: it is new, has new limits, or lost its count."""
    if not isinstance(new, core.ResourceQuota):
        return False
    if not isinstance(old, core.ResourceQuota) or old.spec != new.spec:
        return True
    return set(new.status.used) != set(new.spec.hard)
