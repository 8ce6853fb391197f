"""Deleting objects: one, all that match, and pods by eviction, which disruption budgets may refuse."""

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.message import Message

from control_plane.api import admission, deletion, eviction, refusals
from control_plane.api.lookups import BUDGET, Lookups
from control_plane.api.messages import metadata
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage, Stored
from control_plane.api.writes import Result
from control_plane.objects.interface import DeleteOptions
from knarr.api import kinds
from knarr.api.kinds import POD, Kind
from knarr.clock import Clock
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire


class Deleter:
    """The way of objects out of the store."""

    def __init__(self, storage: Storage, lookups: Lookups, clock: Clock, settings: ApiSettings) -> None:
        self._storage = storage
        self._lookups = lookups
        self._clock = clock
        self._settings = settings

    async def delete(
        self, kind: Kind, namespace: str, name: str, options: DeleteOptions, dry_run: bool, announce: bool
    ) -> Result:
        """See Api.delete."""
        admission.admit_deletion(kind, name)
        current = await self._storage.newest(kind, namespace, name)
        for attempt in range(self._settings.write_attempts):
            deletion.check_preconditions(kind, current.obj, options)
            result = await self._attempt(kind, current, options, dry_run, announce)
            if isinstance(result, Result):
                return result
            if result is None:
                raise refusals.not_found(kind, name)
            current = result
            await self._storage.pause(attempt)
        raise refusals.conflict(kind, name)

    async def _attempt(
        self, kind: Kind, current: Stored, options: DeleteOptions, dry_run: bool, announce: bool
    ) -> Result | Stored | None:
        """One try: what it did, or what is stored instead of `current` (None: nothing)."""
        step = deletion.decide(kind, current.obj, options, self._clock.now())
        match step:
            case deletion.Nothing():
                return Result(step.obj, wire.DELETING)
            case deletion.Mark():
                if dry_run:
                    return Result(step.obj, wire.DELETING)
                written = await self._storage.replace(kind, step.obj, current.version)
                return Result(written, wire.DELETING) if isinstance(written, Message) else written
        if dry_run:
            return Result(step.last, wire.DELETED)
        version = current.version
        if step.announced and announce:
            written = await self._storage.replace(kind, step.last, version)
            if not isinstance(written, Message):
                return written
            version = int(metadata(written).resourceVersion)
        own = metadata(step.last)
        removed = await self._storage.remove(kind, own.namespace, own.name, version)
        return Result(step.last, wire.DELETED) if isinstance(removed, int) else removed

    async def delete_all(
        self, kind: Kind, found: AsyncIterator[list[Message]], options: DeleteOptions, dry_run: bool
    ) -> list[Message]:
        """See Api.delete_all. The first refusal ends it, once what is under way has ended."""
        gone: list[Message] = []

        async def one(obj: Message) -> None:
            own = metadata(obj)
            try:
                result = await self.delete(kind, own.namespace, own.name, options, dry_run, announce=True)
            except NotFound:
                return
            gone.append(result.obj)

        async for part in found:
            for start in range(0, len(part), self._settings.delete_concurrency):
                some = part[start : start + self._settings.delete_concurrency]
                outcomes = await asyncio.gather(*map(one, some), return_exceptions=True)
                for outcome in outcomes:
                    if isinstance(outcome, BaseException):
                        raise outcome
        return gone

    async def evict(self, namespace: str, name: str, options: DeleteOptions, dry_run: bool) -> Result:
        """See Api.evict."""
        stored = await self._storage.newest(POD, namespace, name)
        pod = stored.obj
        assert isinstance(pod, core.Pod)
        deletion.check_preconditions(POD, pod, options)
        budget = eviction.budget_of(pod, self._lookups.budgets(namespace))
        if budget is not None and not dry_run:
            await self._use_up(budget, pod)
        elif budget is not None:
            eviction.disrupted(budget, pod, self._clock.now())
        return await self.delete(POD, namespace, name, options, dry_run, announce=True)

    async def _use_up(self, budget: policy.PodDisruptionBudget, pod: core.Pod) -> None:
        """Take one disruption from the budget; raises TooManyRequests when it has none."""
        kind = kinds.find(*BUDGET)
        assert kind is not None  # there is a budget of that kind
        own = budget.metadata
        for attempt in range(self._settings.write_attempts):
            stored = await self._storage.newest(kind, own.namespace, own.name)
            assert isinstance(stored.obj, policy.PodDisruptionBudget)
            changed = eviction.disrupted(stored.obj, pod, self._clock.now())
            written = await self._storage.replace(kind, changed, stored.version)
            if isinstance(written, Message):
                return
            await self._storage.pause(attempt)
        raise refusals.conflict(kind, own.name)
