"""CachedObjects: the objects of a store in this process, kept up to date by one watch per kind.

It holds serialised bytes and the few fields it indexes; readers get messages of their own. It only reads:
writes go through the API. Each kind has one task, in `run`, that lists, watches and, when the store has
forgotten what it missed, lists again and tells the difference. Changes are applied in slices between which
others run, so that no burst holds the event loop.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

from google.protobuf.message import Message

from control_plane.objects.feed import Feed, Gap
from control_plane.objects.interface import Handler, ObjectKey
from control_plane.objects.progress import Progress
from control_plane.objects.records import CachedRecord
from control_plane.objects.table import RecordHandler
from control_plane.store.interface import Store
from knarr.api.kinds import Kind, of
from knarr.api.selectors import from_message
from knarr.deadlines import Deadlines
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)

SEEN_TIMEOUT_S = 10.0


class CachedObjects:
    """Objects (control_plane.objects.interface), and the bytes beneath for the API server."""

    def __init__(self, store: Store, kinds: Sequence[Kind], rng: random.Random | None = None) -> None:
        """`rng`: jitter of reconnects; a simulation gives a seeded one."""
        rng = rng or random.Random()
        self._progress = Progress()
        self._deadlines = Deadlines(SEEN_TIMEOUT_S)
        self._feeds = {kind.name: Feed(store, kind, self._progress, rng) for kind in kinds}

    async def run(self) -> None:
        """Follow the store until cancelled; a task of the owner's TaskGroup."""
        async with asyncio.TaskGroup() as tasks:
            for name, feed in self._feeds.items():
                tasks.create_task(feed.run(), name=f"cache-{name}")

    # Messages

    def get(self, kind: type[M], namespace: str, name: str) -> M | None:
        feed = self._feed(of(kind))
        record = feed.table.get(namespace, name)
        return cast(M, feed.table.reader.message(record.value, record.version)) if record else None

    def list(
        self,
        kind: type[M],
        namespace: str | None = None,
        *,
        labels: meta.LabelSelector | None = None,
        owner_uid: str | None = None,
        node_name: str | None = None,
    ) -> list[M]:
        feed = self._feed(of(kind))
        records: Iterable[CachedRecord] = feed.table.find(namespace, owner_uid, node_name)
        if labels is not None:
            selector = from_message(labels)
            records = (record for record in records if selector.matches(dict(record.labels)))
        message = feed.table.reader.message
        return [cast(M, message(record.value, record.version)) for record in records]

    def keys(self, kind: type[Message]) -> Iterable[ObjectKey]:
        name = of(kind).name
        return [ObjectKey(name, record.namespace, record.name) for record in self._feed(of(kind)).table]

    def subscribe(self, kinds: Sequence[type[Message]], handler: Handler) -> Callable[[], None]:
        """See Objects. When more exists than fits one slice, the rest of it follows from `run`, before any
        later change; `synced` waits for that too."""
        ends = [self._feed(of(kind)).subscribe(handler) for kind in kinds]

        def end() -> None:
            for end_one in ends:
                end_one()

        return end

    async def synced(self) -> None:
        for feed in self._feeds.values():
            await feed.synced()

    async def seen(self, version: int, kind: Kind | None = None) -> None:
        """Return once the cache holds the change with this version; naming its kind makes that certain also
        when a list made it skip the change itself. Raises TimeoutError after SEEN_TIMEOUT_S."""
        with self._deadlines.one():
            await self._progress.seen(version, kind.name if kind else None)

    # Bytes

    def record(self, kind: Kind, namespace: str, name: str) -> CachedRecord | None:
        """One object as stored."""
        return self._feed(kind).table.get(namespace, name)

    def records(self, kind: Kind, namespace: str | None = None) -> Sequence[CachedRecord]:
        """All of a kind, or of one namespace, by namespace and name, as of `version(kind)`."""
        return self._feed(kind).table.find(namespace, None, None)

    def pieces(self, kind: Kind, namespace: str | None = None) -> Sequence[Sequence[CachedRecord]]:
        """The same in pieces of some hundred: of one moment, and made at once however many there are."""
        return self._feed(kind).table.pieces(namespace)

    def version(self, kind: Kind) -> int:
        """The version up to which all changes of the kind are here; 0 before the first list."""
        return self._feed(kind).table.version

    def subscribe_records(
        self, kind: Kind, handler: RecordHandler, gap: Gap | None = None
    ) -> Callable[[], None]:
        """As subscribe, with the bytes of each change and of what was before it.

        Versions increase, except that after a compaction during a disconnect the changes made meanwhile
        come as one difference: ordered by version, then the deletions, all with the version of the list.
        `gap` is called with True before that, and with False after it and after the first list."""
        return self._feed(kind).subscribe(handler, gap)

    def message(self, kind: Kind, record: CachedRecord) -> Message:
        """A new message of a record, resourceVersion filled in."""
        return self._feed(kind).table.reader.message(record.value, record.version)

    def _feed(self, kind: Kind) -> Feed:
        return self._feeds[kind.name]
