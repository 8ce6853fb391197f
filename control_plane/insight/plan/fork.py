"""A copy, in memory, of the part of a cluster that a plan is about: a store of its own with the real API on
it, so that documents, defaults, admission and controllers do there exactly what they would do here."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable

from google.protobuf.message import Message

from control_plane.api.api import Api
from control_plane.api.messages import copy, encode, metadata
from control_plane.api.settings import ApiSettings
from control_plane.api.writer import ApiWriter
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import ABSENT, Write
from control_plane.store.memory import MemoryStore
from knarr.api import kinds
from knarr.api.kinds import KINDS
from knarr.clock import SeededIds

_SEED = 1  # made-up names and uids are the same in every plan


class PlannedTime:
    """A clock that goes on only when the plan says so."""

    def __init__(self, now: float) -> None:
        self._now = self._began = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._began

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class Fork:
    """See the module's docstring."""

    def __init__(self, now: float, settings: ApiSettings) -> None:
        rng = random.Random(_SEED)
        self.clock = PlannedTime(now)
        self.store = MemoryStore()
        self.objects = CachedObjects(self.store, KINDS, rng)
        self.api = Api(self.store, self.objects, self.clock, SeededIds(_SEED), rng, settings)
        self.writer = ApiWriter(self.api, self.clock)


@contextlib.asynccontextmanager
async def forked(objects: Iterable[Message], now: float, settings: ApiSettings) -> AsyncIterator[Fork]:
    """A fork that begins with copies of `objects`; it is gone when the context ends."""
    fork = Fork(now, settings)
    writes = [
        Write(kinds.of(obj).key(metadata(obj).namespace, metadata(obj).name), encode(copy(obj)), ABSENT)
        for obj in objects
    ]
    await fork.store.write(writes)
    running = asyncio.create_task(fork.objects.run(), name="plan-cache")
    try:
        await fork.objects.synced()
        yield fork
    finally:
        running.cancel()
        await asyncio.wait({running})
        await fork.store.close()
