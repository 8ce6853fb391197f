"""Objects in the store: made, replaced and removed by compare-and-set, and charged to their quotas.

Reads, and what the store's failures mean to a client, stand in records.py.
"""

import asyncio
import random
from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.admission.quotas import Change, Charged, Ledger
from control_plane.api.messages import copy, encode, metadata
from control_plane.api.records import Records, Stored, stored, written_version
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import ABSENT, Outcome, Refused, Store, Write
from knarr.api.kinds import Kind
from knarr.errors import ApiError, Conflict

__all__ = ["StepRefused", "Storage", "Stored"]


class StepRefused(Conflict):
    """What was to be written in one step with an object met another write; the object itself did not.

    `keys`: of what was to be created with it and is there already."""

    def __init__(self, kind: Kind, name: str, outcome: Refused) -> None:
        found = refusals.conflict(kind, name)
        super().__init__(found.message, subject=found.subject)
        self.keys = frozenset(record.key for record in outcome.also if record is not None)


class Storage(Records):
    """Objects in the store, through the cache."""

    def __init__(
        self, store: Store, objects: CachedObjects, rng: random.Random, settings: ApiSettings
    ) -> None:
        super().__init__(store, objects, rng, settings)
        self.ledger = Ledger(objects, self)

    async def create(self, kind: Kind, obj: Message, also: Sequence[Write] = ()) -> Message:
        """Store a new object, and `also` in one step with it: the same message, with its version. Raises
        AlreadyExists, TooLarge, Forbidden where a quota says no, and StepRefused where only the others could
        not be written."""
        outcome = await self._commit_one(self._planned(kind, None, obj, ABSENT, also))
        created = _created(kind, obj, outcome)
        await self.wait_seen(kind, written_version(outcome))
        return created

    async def create_all(
        self, new: Sequence[tuple[Kind, Message, Sequence[Write]]]
    ) -> list[Message | ApiError]:
        """The same of many objects in one request to the store; each its own outcome, in order."""
        results: list[Message | ApiError] = []
        planned: dict[int, Charged] = {}
        for index, (kind, obj, also) in enumerate(new):
            results.append(obj)
            try:
                planned[index] = self._planned(kind, None, obj, ABSENT, also)
            except ApiError as error:
                results[index] = error
        outcomes = await self._commit(list(planned.values()))
        newest: dict[Kind, int] = {}
        for index, outcome in zip(planned, outcomes, strict=True):
            kind, obj, _ = new[index]
            try:
                if isinstance(outcome, ApiError):
                    raise outcome
                results[index] = _created(kind, obj, outcome)
                newest[kind] = max(newest.get(kind, 0), written_version(outcome))
            except ApiError as error:
                results[index] = error
        for kind, version in newest.items():
            await self.wait_seen(kind, version)
        return results

    async def replace(
        self,
        kind: Kind,
        obj: Message,
        version: int,
        old: Message | None = None,
        also: Sequence[Write] = (),
    ) -> Message | Stored | None:
        """Store a changed object if it still has this version: the same message, with its new version.
        Otherwise what is stored now is returned, as Stored, or None when it is gone. `old`: what had this
        version; without it the change is taken for one that no quota counts. Raises Forbidden, TooLarge, and
        StepRefused as `create`."""
        before = old if old is not None else obj
        outcome = await self._commit_one(self._planned(kind, before, obj, version, also))
        if isinstance(outcome, Refused):
            if outcome.current is not None and outcome.current.version == version:
                raise StepRefused(kind, metadata(obj).name, outcome)
            return stored(kind, outcome.current) if outcome.current is not None else None
        return await self._seen(kind, obj, outcome)

    async def remove(
        self, kind: Kind, namespace: str, name: str, version: int, old: Message | None = None
    ) -> int | Stored | None:
        """Remove an object if it still has this version: the version of the removal. Otherwise what is
        stored now is returned, as Stored, or None when it is gone. `old`: what had this version; without it
        no quota gets anything back."""
        outcome = await self._commit_one(
            Charged(Change(kind, old, None), Write(kind.key(namespace, name), None, version))
        )
        if isinstance(outcome, Refused):
            return stored(kind, outcome.current) if outcome.current is not None else None
        removed = written_version(outcome)
        await self.wait_seen(kind, removed)
        return removed

    async def check(self, kind: Kind, old: Message | None, new: Message) -> None:
        """What a write that is only rehearsed is refused for: TooLarge, Forbidden where a quota says no."""
        self._encoded(kind, copy(new))
        await self.ledger.check(Change(kind, old, new))

    async def _commit_one(self, item: Charged) -> Outcome:
        if not self.ledger.concerned([item.change]):
            (outcome,) = await self.write_all([item.write])
            return outcome
        (charged,) = await self.ledger.commit([item])
        if isinstance(charged, ApiError):
            raise charged
        return charged

    async def _commit(self, items: Sequence[Charged]) -> list[Outcome | ApiError]:
        """All at once; each its own outcome, in order."""
        charged = self.ledger.concerned([item.change for item in items])
        if not charged:
            return list(await self.write_all([item.write for item in items]))
        rest = sorted(set(range(len(items))).difference(charged))
        ones, others = await asyncio.gather(
            self.ledger.commit([items[index] for index in charged]),
            self.write_all([items[index].write for index in rest]),
        )
        found: dict[int, Outcome | ApiError] = dict(zip((*charged, *rest), (*ones, *others), strict=True))
        return [found[index] for index in range(len(items))]

    def _encoded(self, kind: Kind, obj: Message) -> bytes:
        value, limit = encode(obj), self._settings.max_object_bytes
        if len(value) > limit:
            raise refusals.too_large(kind, metadata(obj).name, len(value), limit)
        return value

    def _planned(
        self, kind: Kind, old: Message | None, new: Message, expected: int, also: Sequence[Write] = ()
    ) -> Charged:
        """The write that stores an object; raises TooLarge."""
        own = metadata(new)
        key = kind.key(own.namespace, own.name)
        write = Write(key, self._encoded(kind, new), expected, also=tuple(also))
        return Charged(Change(kind, old, new), write)

    async def _seen(self, kind: Kind, obj: Message, outcome: Outcome) -> Message:
        version = written_version(outcome)
        await self.wait_seen(kind, version)
        metadata(obj).resourceVersion = str(version)
        return obj


def _created(kind: Kind, obj: Message, outcome: Outcome) -> Message:
    """The object with its version; raises AlreadyExists, or what is to be told of a write not done."""
    if isinstance(outcome, Refused):
        current = outcome.current
        if current is None:
            raise StepRefused(kind, metadata(obj).name, outcome)
        deleting = metadata(stored(kind, current).obj).HasField("deletionTimestamp")
        raise refusals.already_exists(kind, metadata(obj).name, deleting=deleting)
    metadata(obj).resourceVersion = str(written_version(outcome))
    return obj
