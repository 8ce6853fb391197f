"""Lists: consistent, selected by labels and fields, in pages and in parts of bounded size.

Without a resourceVersion a list is the newest there is, read from the store; with "0" or "not older than" it
is answered from the cache. A page's continue token names the version and the last key, so that all pages
together are one moment. Objects stay bytes: they are parsed only where a selector asks for it.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final

from control_plane.api.refusals import not_found, too_large_version
from control_plane.api.selection import Selection
from control_plane.api.settings import ApiSettings
from control_plane.api.storage import Storage
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import POSITIONS, Record
from control_plane.store.paging import MOST, next_page
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Cause, Expired, Invalid, Subject
from knarr.proto.services import object_service_pb2 as wire

_NOW: Final = -1  # instead of a version, in the token of a list that goes on as things are now
_TOO_OLD_TO_CONTINUE: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without it, or use the continue token in this response for the rest of the objects as they are: "
    "objects that were created, changed or deleted since the first part may be missing or told twice."
)


MOST_MATCHED = 1_000  # objects parsed for a selector before others run


@dataclass(frozen=True, slots=True)
class Row:
    """One stored object."""

    value: bytes  # without resourceVersion
    version: int


@dataclass(slots=True)
class Part:
    """Some objects of a list. The last part has the list's version, and what is needed to go on."""

    rows: list[Row] = field(default_factory=list)
    version: int = 0
    continue_token: str = ""
    remaining: int | None = None


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How a list is asked for."""

    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: "wire.VersionMatch.ValueType" = wire.MATCH_DEFAULT


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a paged list stands."""

    version: int  # or _NOW
    after: str  # a key, without the prefix of what is listed

    def token(self) -> str:
        content = json.dumps({"v": self.version, "k": self.after}, separators=(",", ":"))
        return base64.urlsafe_b64encode(content.encode()).decode()


class Lister:
    """Answers lists, and reads of one object."""

    def __init__(self, storage: Storage, objects: CachedObjects, settings: ApiSettings) -> None:
        self._storage = storage
        self._objects = objects
        self._settings = settings

    async def get(self, kind: Kind, namespace: str, name: str, resource_version: str = "") -> Record:
        """One object as stored, not older than a version if one is named. Raises BadRequest, NotFound,
        Unavailable, and Timeout for a version that is not there yet."""
        least = parse_version(resource_version)
        if resource_version and self._objects.version(kind) >= least:
            cached = self._objects.record(kind, namespace, name)
            if cached is None:
                raise not_found(kind, name)
            return Record(kind.key(namespace, name), cached.value, cached.version)
        if least:
            page = await self._storage.page(kind.key(namespace, name), 1, "", 0)
            if page.version < least:
                raise too_large_version(least, page.version)
        return await self._storage.record(kind, namespace, name)

    async def list(self, wanted: Selection, options: ListOptions) -> AsyncIterator[Part]:
        """The list in parts. Raises BadRequest, Invalid, Expired, Unavailable, and Timeout for a version that
        is not there yet."""
        place, asked = read_place(options), read_version(options)
        if options.limit < 0:
            raise BadRequest(f"limit must not be negative, got {options.limit}")
        if place is not None:
            source = self._continued(wanted, options.limit, place)
        elif asked and _is_exact(options):
            source = self._from_store(wanted, options.limit, exactly(asked), "")
        elif asked is not None and not options.limit and self._objects.version(wanted.kind) >= asked:
            source = self._from_cache(wanted)
        else:
            source = self._not_older(wanted, options.limit, asked or 0)
        async for part in source:
            yield part

    async def _continued(self, wanted: Selection, limit: int, place: _Place) -> AsyncIterator[Part]:
        """The rest of a list. Where its moment is no longer kept, the client is told a place from which it
        can have the rest as it is now."""
        try:
            version = max(place.version, 0)
            async for part in self._from_store(wanted, limit, version, wanted.prefix + place.after):
                yield part
        except Expired as error:
            raise Expired(_TOO_OLD_TO_CONTINUE, continue_token=_Place(_NOW, place.after).token()) from error

    async def _not_older(self, wanted: Selection, limit: int, least: int) -> AsyncIterator[Part]:
        """The newest list, which must have reached a version."""
        async for part in self._from_store(wanted, limit, 0, ""):
            if part.version and part.version < least:
                raise too_large_version(least, part.version)
            yield part

    async def _from_cache(self, wanted: Selection) -> AsyncIterator[Part]:
        # Nothing is awaited in between, so the records are of this version.
        pieces = self._objects.pieces(wanted.kind, wanted.namespace or None)
        version = self._objects.version(wanted.kind)
        for piece in pieces:
            yield Part([Row(each.value, each.version) for each in piece if wanted.matches_record(each)])
            await asyncio.sleep(0)
        yield Part(version=version)

    async def _from_store(
        self, wanted: Selection, limit: int, version: int, after: str
    ) -> AsyncIterator[Part]:
        left, size = limit, self._settings.list_page
        while True:
            asked = min(size, left) if limit and wanted.everything else size
            page = await self._storage.page(wanted.prefix, asked, after, version)
            size = next_page(size, page.records, MOST if wanted.everything else MOST_MATCHED)
            version = page.version
            rows, used = _take(wanted, page.records, left if limit else len(page.records))
            left -= len(rows)
            if used:
                after = page.records[used - 1].key
            if not page.more and used == len(page.records):
                yield Part(rows, version)
                return
            if limit and left <= 0:
                remaining = page.remaining + len(page.records) - used if wanted.everything else None
                token = _Place(version, after.removeprefix(wanted.prefix)).token()
                yield Part(rows, version, token, remaining)
                return
            yield Part(rows)


def _take(wanted: Selection, records: Iterable[Record], most: int) -> tuple[list[Row], int]:
    """At most so many of the selected, and how many records that used up."""
    found: list[Row] = []
    used = 0
    for record in records:
        if len(found) >= most:
            break
        used += 1
        if wanted.everything or wanted.matches(wanted.kind.message.FromString(record.value)):
            found.append(Row(record.value, record.version))
    return found, used


def read_place(options: ListOptions) -> _Place | None:
    """Where a continued list goes on; raises BadRequest."""
    if not options.continue_token:
        return None
    if options.resource_version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")
    if options.match != wire.MATCH_DEFAULT:
        raise _bad_options("resourceVersionMatch is forbidden when continue is provided")
    try:
        content = json.loads(base64.b64decode(options.continue_token, altchars=b"-_", validate=True))
        place = _Place(content["v"], content["k"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRequest("continue key is not valid: it is not one that this server handed out") from error
    known = isinstance(place.version, int) and (place.version > 0 or place.version == _NOW)
    if not known or not isinstance(place.after, str):
        raise BadRequest("continue key is not valid: it is not one that this server handed out")
    return place


def read_version(options: ListOptions) -> int | None:
    """The version that a list names; None: the newest. Raises BadRequest, Invalid."""
    text = options.resource_version
    if not text:
        if options.match != wire.MATCH_DEFAULT:
            raise _bad_options("resourceVersionMatch is forbidden unless resourceVersion is provided")
        return None
    version = parse_version(text)
    if options.match == wire.EXACT and not version:
        raise _bad_options('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    return version


def exactly(version: int) -> int:
    """The moment of a version: with all changes that were made in one step with it."""
    return version // POSITIONS * POSITIONS + POSITIONS - 1


def _is_exact(options: ListOptions) -> bool:
    """Whether only the named version will do, as for a page of it when nothing else is said."""
    return options.match == wire.EXACT or (options.match == wire.MATCH_DEFAULT and options.limit > 0)


def parse_version(text: str) -> int:
    """A resourceVersion as a number, 0 for none; raises BadRequest."""
    if not text:
        return 0
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise BadRequest(f'resourceVersion: "{text[:64]}" is no number')
    return int(text)


def _bad_options(message: str) -> Invalid:
    return Invalid(
        f'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: {message}',
        causes=[Cause("resourceVersionMatch", "FieldValueForbidden", f"Forbidden: {message}")],
        subject=Subject("meta.k8s.io", "ListOptions"),
    )
