"""The loop of a controller over informers: changes name keys, a queue holds each key once, workers reconcile.

Level-driven: `reconcile` looks at what is, not at what happened, so that one call makes good for all changes
that were missed. It knows nothing of kinds.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from google.protobuf.message import Message

from knarr.api.kinds import Kind
from knarr.client.informer import Informer
from knarr.client.known import Key
from knarr.client.references import kind_of, metadata_of
from knarr.client.results import Change
from knarr.errors import AlreadyExists, ApiError, Conflict, NotFound
from knarr.workqueue import QueueSettings, WorkQueue

M = TypeVar("M", bound=Message)

KeysOf = Callable[[M], Iterable[Key]]
"""Which keys an object concerns. Called for every change: cheap, and it may not change the object."""

LOST_RACES = (Conflict, NotFound, AlreadyExists)  # ordinary: look again at what is true now

log = logging.getLogger(__name__)  # the standard one: a library does not choose how a program logs


def own_key(obj: Message) -> Iterable[Key]:
    """The object itself."""
    own = metadata_of(obj)
    return ((own.namespace, own.name),)


def controlled_by(kind: Kind | type[Message]) -> Callable[[Message], Iterable[Key]]:
    """The object of a kind that controls an object, where one does."""
    row = kind_of(kind)

    def keys(obj: Message) -> Iterable[Key]:
        own = metadata_of(obj)
        namespace = own.namespace if row.namespaced else ""
        return [
            (namespace, owner.name)
            for owner in own.ownerReferences
            if owner.controller and (owner.apiVersion, owner.kind) == (row.api_version, row.name)
        ]

    return keys


@dataclass(frozen=True, slots=True)
class _Watched:
    informer: Informer[Any]
    keys_of: KeysOf[Any]


class Controller:
    """Calls `reconcile` with the namespace and name of whatever may need something done.

    A key is with one worker at a time, and waits once however many changes name it: that bounds the queue by
    the number of objects. `reconcile` returns in how many seconds it wants to look again, or None. What it
    raises is logged and tried again, after 10 ms first and twice a minute at the least.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[str, str], Awaitable[float | None]],
        *,
        workers: int = 4,
        settings: QueueSettings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._name = name
        self._reconcile = reconcile
        self._workers = workers
        self._queue = WorkQueue[Key](settings or QueueSettings(), rng or random.Random())
        self._watched: list[_Watched] = []

    def watches(self, informer: Informer[M], keys_of: KeysOf[M] = own_key) -> None:
        """Reconcile the keys that a changed object names, before the change and after it."""
        self._watched.append(_Watched(informer, keys_of))

    def add(self, namespace: str, name: str) -> None:
        """Reconcile this one for a reason that no informer knows of."""
        self._queue.add((namespace, name))

    async def run(self) -> None:
        """Run until cancelled; begins when all informers are synced."""
        for watched in self._watched:
            await watched.informer.wait_synced()
        with ExitStack() as ends:
            ends.callback(self._queue.close)
            for watched in self._watched:
                ends.callback(watched.informer.subscribe(partial(self._changed, watched.keys_of)))
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self._name} worker {number}")

    def _changed(self, keys_of: KeysOf[Any], change: Change[Any]) -> None:
        for obj in (change.object, change.previous):
            if obj is not None:
                for key in keys_of(obj):
                    self._queue.add(key)

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                again_s = await self._reconcile(*key)
                self._queue.forget(key)
                if again_s is not None:
                    self._queue.add_after(key, again_s)
            except Exception as error:
                self._failed(key, error)
            finally:
                self._queue.done(key)
            await asyncio.sleep(0)  # a long queue of quick decisions must not hold the event loop

    def _failed(self, key: Key, error: Exception) -> None:
        retry_s = self._queue.add_failed(key)
        told = (self._name, "/".join(key), retry_s, error)
        if isinstance(error, LOST_RACES):
            log.debug("reconciling lost a race controller=%s key=%s retry_in_s=%.3f error=%s", *told)
        else:
            defect = None if isinstance(error, ApiError) else error
            log.warning(
                "reconciling failed controller=%s key=%s retry_in_s=%.3f error=%s", *told, exc_info=defect
            )
