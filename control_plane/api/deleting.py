"""Deleting objects: one, all that match, and pods by eviction, which disruption budgets may refuse."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from google.protobuf.message import Message

from control_plane.api import admission, deletion, eviction, refusals
from control_plane.api.companions import Companions
from control_plane.api.lookups import Lookups
from control_plane.api.messages import copy, metadata
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage, Stored
from control_plane.api.writes import Result
from control_plane.objects.interface import DeleteOptions
from knarr.api.kinds import POD, POD_DISRUPTION_BUDGET, Kind
from knarr.clock import Clock
from knarr.errors import Conflict, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

Alter = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class How:
    """How something is deleted."""

    options: DeleteOptions
    dry_run: bool = False
    # Whether a pod that goes at once is marked first, so that watchers learn how it went.
    announce: bool = True
    # Alters the object in the write that marks it.
    mark: Alter | None = None


class Deleter:
    """The way of objects out of the store."""

    def __init__(
        self,
        storage: Storage,
        lookups: Lookups,
        companions: Companions,
        clock: Clock,
        settings: ApiSettings,
    ) -> None:
        self._storage = storage
        self._companions = companions
        self._lookups = lookups
        self._clock = clock
        self._settings = settings

    async def delete(self, kind: Kind, namespace: str, name: str, how: How) -> Result:
        """See Api.delete."""
        admission.admit_deletion(kind, name)
        current = await self._storage.newest(kind, namespace, name)
        for attempt in range(self._settings.write_attempts):
            deletion.check_preconditions(kind, current.obj, how.options)
            result = await self._attempt(kind, current, how)
            if isinstance(result, Result):
                return result
            if result is None:
                raise refusals.not_found(kind, name)
            current = result
            await self._storage.pause(attempt)
        raise refusals.conflict(kind, name)

    async def _attempt(self, kind: Kind, current: Stored, how: How) -> Result | Stored | None:
        """One try: what it did, or what is stored instead of `current` (None: nothing)."""
        obj = current.obj
        if how.mark is not None:
            obj = copy(obj)
            how.mark(obj)
        step = deletion.decide(kind, obj, how.options, self._clock.now())
        match step:
            case deletion.Nothing():
                return Result(step.obj, wire.DELETING)
            case deletion.Mark():
                if how.dry_run:
                    return Result(step.obj, wire.DELETING)
                written = await self._storage.replace(kind, step.obj, current.version)
                return Result(written, wire.DELETING) if isinstance(written, Message) else written
        if how.dry_run:
            return Result(step.last, wire.DELETED)
        version = current.version
        if step.announced and how.announce:
            written = await self._storage.replace(kind, step.last, version)
            if not isinstance(written, Message):
                return written
            version = int(metadata(written).resourceVersion)
        own = metadata(step.last)
        removed = await self._storage.remove(kind, own.namespace, own.name, version, step.last)
        if not isinstance(removed, int):
            return removed
        await self._companions.let_go(step.last, None)
        return Result(step.last, wire.DELETED)

    async def delete_all(self, kind: Kind, found: AsyncIterator[list[Message]], how: How) -> list[Message]:
        """See Api.delete_all. The first refusal ends it, once what is under way has ended."""
        gone: list[Message] = []

        async def one(obj: Message) -> None:
            own = metadata(obj)
            try:
                result = await self.delete(kind, own.namespace, own.name, how)
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

    async def evict(self, namespace: str, name: str, how: How) -> Result:
        """See Api.evict. The pod says in its status that it was evicted, in the write that marks it."""
        how = replace(how, mark=None if how.dry_run else self._say_evicted)
        for attempt in range(self._settings.write_attempts):
            stored = await self._storage.newest(POD, namespace, name)
            pod = stored.obj
            assert isinstance(pod, core.Pod)
            deletion.check_preconditions(POD, pod, how.options)
            if not eviction.disrupts_nothing(pod):
                return await self._evict_running(pod, how)
            starting = pod.status.phase == "Pending" and not pod.metadata.HasField("deletionTimestamp")
            options = eviction.pinned(pod, how.options) if starting else how.options
            try:
                return await self.delete(POD, namespace, name, replace(how, options=options))
            except Conflict:
                if how.options.resource_version is not None:
                    raise
            await self._storage.pause(attempt)
        raise refusals.conflict(POD, name)

    async def _evict_running(self, pod: core.Pod, how: How) -> Result:
        """Not tried again once a disruption has been spent."""
        own, pinned = pod.metadata, how
        budget = eviction.covering(pod, await self._lookups.budgets(own.namespace))
        if budget is not None and eviction.adds_nothing(pod, budget):
            pinned = replace(how, options=eviction.pinned(pod, how.options))
        elif budget is not None:
            await self._use_up(budget, pod, how.dry_run)
        try:
            return await self.delete(POD, own.namespace, own.name, pinned)
        except Conflict:
            if budget is not None and pinned.options != how.options:
                raise eviction.unsettled(budget.metadata.name) from None
            raise

    def _say_evicted(self, obj: Message) -> None:
        eviction.evicted(obj, self._clock.now())

    async def _use_up(self, budget: policy.PodDisruptionBudget, pod: core.Pod, dry_run: bool) -> None:
        """Take one disruption from the budget; raises TooManyRequests when it has none."""
        kind, own = POD_DISRUPTION_BUDGET, budget.metadata
        for attempt in range(self._settings.write_attempts):
            changed = eviction.disrupted(budget, pod, self._clock.now())
            if dry_run:
                return
            written = await self._storage.replace(kind, changed, int(budget.metadata.resourceVersion))
            if isinstance(written, Message):
                return
            if written is None:
                return  # nothing protects the pod any more
            assert isinstance(written.obj, policy.PodDisruptionBudget)
            budget = written.obj
            await self._storage.pause(attempt)
        raise refusals.conflict(kind, own.name)
