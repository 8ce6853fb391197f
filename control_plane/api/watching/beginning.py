"""What a watch begins with: the objects that there are, told as if they had just been added.

All parts together are one moment, whose version the last of them has; the changes after it are the watch's.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from control_plane.api.refusals import expired, too_large_version
from control_plane.api.selection import Selection
from control_plane.api.settings import ApiSettings
from control_plane.api.watching.events import Event, existing
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordReader
from control_plane.store.interface import CompactedError, Page, Store, StoreError
from knarr.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Existing:
    """Some of what exists, and of which moment."""

    events: list[Event]
    version: int


async def from_cache(objects: CachedObjects, wanted: Selection, size: int) -> AsyncIterator[Existing]:
    """As the cache has it, which may be behind. Looks at `size` objects before others run."""
    # Nothing is awaited in between, so the records are of this version.
    pieces = objects.pieces(wanted.kind, wanted.namespace or None)
    version = objects.version(wanted.kind)
    for piece in pieces:
        for start in range(0, len(piece), size):
            part = piece[start : start + size]
            yield Existing([existing(each) for each in part if wanted.matches_record(each)], version)
            await asyncio.sleep(0)
    yield Existing([], version)


async def in_turns(turns: asyncio.Semaphore, parts: AsyncIterator[Existing]) -> AsyncIterator[Existing]:
    """The same, each part made in a turn: many watches that begin at once do not hold up everybody else."""
    while True:
        async with turns:
            part = await anext(parts, None)
        if part is None:
            return
        yield part


async def from_store(
    store: Store, wanted: Selection, settings: ApiSettings, least: int
) -> AsyncIterator[Existing]:
    """As it is now. Raises Timeout where that is older than `least`, Expired, Unavailable."""
    reader = RecordReader(wanted.kind)
    after, version = "", 0
    while True:
        page = await _page(store, wanted.prefix, settings, after, version)
        version = page.version
        if version < least:
            raise too_large_version(least, version)
        records = [reader.read(each.key, each.value, each.version) for each in page.records]
        yield Existing([existing(each) for each in records if wanted.matches_record(each)], version)
        if not page.more:
            return
        after = page.records[-1].key


async def _page(store: Store, prefix: str, settings: ApiSettings, after: str, version: int) -> Page:
    try:
        async with asyncio.timeout(settings.store_timeout_s):
            return await store.list(prefix, limit=settings.list_page, after=after, version=version)
    except CompactedError as error:
        raise expired(version, error.oldest) from error
    except (TimeoutError, StoreError) as error:
        raise Unavailable(f"the store (etcd) cannot be reached: {error}", retry_after_s=1) from error
