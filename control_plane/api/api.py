"""Api: creating, changing and deleting objects, in process and without a transport.

Lists and watches stand in reading.py and watching/; what each step of a write means in the pure modules.
"""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message

from control_plane.api.admission import Admission
from control_plane.api.allocation import Allocator
from control_plane.api.changing import STATUS, Changer
from control_plane.api.companions import Companions
from control_plane.api.creating import Creator, NewObject
from control_plane.api.deleting import Deleter, How
from control_plane.api.lookups import Lookups
from control_plane.api.messages import copy, decode
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage
from control_plane.api.writes import Change, Result, WriteOptions, set_namespace
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import DeleteOptions
from control_plane.store.interface import Record, Store
from knarr.api.kinds import Kind
from knarr.clock import Clock, Ids
from knarr.errors import ApiError

__all__ = ["Api", "NewObject", "Result", "WriteOptions"]


class Api:
    """Everything that may be done to single objects.

    Any method raises Unavailable when the store cannot be reached and nothing was done, and writes raise
    Timeout when it did not confirm them.
    """

    def __init__(
        self,
        store: Store,
        objects: CachedObjects,
        clock: Clock,
        ids: Ids,
        rng: random.Random,
        settings: ApiSettings | None = None,
    ) -> None:
        self.settings = settings or ApiSettings()
        self.objects = objects
        self.storage = Storage(store, objects, rng, self.settings)
        lookups = Lookups(objects, self.storage)
        admission = Admission(lookups, self.settings)
        companions = Companions(Allocator(objects, self.storage, rng, self.settings), clock, ids)
        self._creator = Creator(self.storage, admission, companions, clock, ids, self.settings)
        self._changer = Changer(self.storage, admission, companions, self._creator, clock, self.settings)
        self._deleter = Deleter(self.storage, lookups, companions, clock, self.settings)

    async def get(self, kind: Kind, namespace: str, name: str) -> Message:
        """The newest state of one object; raises NotFound."""
        record = await self.get_record(kind, namespace, name)
        return decode(kind, record.value, record.version)

    async def get_record(self, kind: Kind, namespace: str, name: str) -> Record:
        """The newest state as stored bytes; raises NotFound."""
        return await self.storage.record(kind, namespace, name)

    async def create(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Create; honours generateName. Raises AlreadyExists, Invalid, Forbidden, BadRequest, NotFound (the
        namespace), TooLarge."""
        return await self._creator.create(NewObject(kind, namespace, obj, options))

    async def create_all(self, items: Sequence[NewObject]) -> list[Result | ApiError]:
        """Create several at once, each with its own outcome, in far less time than one by one."""
        return await self._creator.create_all(items)

    async def update(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Replace everything but status. With metadata.resourceVersion, only if that is the current one. Of
        some kinds the object is created when there is none."""
        return await self._replace(kind, namespace, obj, options, "")

    async def update_status(self, kind: Kind, namespace: str, obj: Message, options: WriteOptions) -> Result:
        """Replace status and, as Kubernetes, most of metadata, and nothing else."""
        return await self._replace(kind, namespace, obj, options, STATUS)

    async def _replace(
        self, kind: Kind, namespace: str, obj: Message, options: WriteOptions, subresource: str
    ) -> Result:
        given = copy(obj)
        set_namespace(kind, namespace, given)
        return await self._changer.replace(kind, namespace, given, options, subresource)

    async def change(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        change: Change,
        options: WriteOptions,
        *,
        subresource: str = "",
        uid: str = "",
    ) -> Result:
        """Read, change, write, again when another write came between. Raises NotFound, Conflict (also when
        there is another object than the one with `uid`), Invalid, and what `change` raises."""
        return await self._changer.change(kind, namespace, name, change, options, subresource, uid)

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        applied: Mapping[str, Any],
        options: WriteOptions,
        *,
        force: bool = False,
        subresource: str = "",
    ) -> Result:
        """Server-side apply of a JSON document; creates the object when there is none. Raises Conflict with a
        cause for each field of another manager's."""
        return await self._changer.apply(kind, namespace, name, applied, options, force, subresource)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        options: DeleteOptions,
        *,
        dry_run: bool = False,
        announce: bool = True,
    ) -> Result:
        """Delete, or mark for deletion. Raises NotFound, Conflict (preconditions), Forbidden.

        A pod that goes at once is marked first, so that watchers learn how it went; without `announce` it is
        only removed, which costs half."""
        return await self._deleter.delete(kind, namespace, name, How(options, dry_run, announce))

    async def delete_all(
        self,
        kind: Kind,
        found: AsyncIterator[list[Message]],
        options: DeleteOptions,
        *,
        dry_run: bool = False,
    ) -> list[Message]:
        """Delete each object of a list; those that are gone already are passed over. Their last states."""
        return await self._deleter.delete_all(kind, found, How(options, dry_run))

    async def evict(
        self, namespace: str, name: str, options: DeleteOptions, *, dry_run: bool = False
    ) -> Result:
        """Delete a pod if its disruption budget allows it; raises TooManyRequests."""
        return await self._deleter.evict(namespace, name, How(options, dry_run))
