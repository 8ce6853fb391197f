"""Lists: consistent, selected by labels and fields, in pages and in parts of bounded size.

Without a resourceVersion a list is the newest there is, read from the store; with "0" or "not older than" it
is answered from the cache. A page's continue token names the version and the last key, so that all pages
together are one moment.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.registry import field_values
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.store.interface import POSITIONS, CompactedError, Record, Store, StoreError
from knarr.api import field_selectors, selectors
from knarr.api.errors import SelectorError
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Expired, Invalid, Unavailable
from knarr.proto.services import object_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind are meant."""

    kind: Kind
    namespace: str = ""
    labels: selectors.Selector = field(default_factory=selectors.Selector)
    fields: field_selectors.FieldSelector = field_selectors.EVERYTHING

    @property
    def prefix(self) -> str:
        """The storage prefix under which all of them are."""
        return f"{self.kind.prefix}{self.namespace}/" if self.namespace else self.kind.prefix

    @property
    def everything(self) -> bool:
        return self.labels.everything and not self.fields.requirements

    def matches(self, obj: Message) -> bool:
        """Whether an object of the kind is selected; its namespace is taken to be right."""
        if not self.labels.matches(metadata(obj).labels):
            return False
        if not self.fields.requirements:
            return True
        return self.fields.matches(field_values(self.kind, obj).__getitem__)


def selection(kind: Kind, namespace: str, labels: str, fields: str) -> Selection:
    """The selection that a request names; raises BadRequest."""
    try:
        wanted = selectors.parse(labels) if labels else selectors.EVERYTHING
        requirements = field_selectors.parse(fields) if fields else field_selectors.EVERYTHING
    except SelectorError as error:
        raise BadRequest(str(error)) from error
    try:
        requirements.check(field_values(kind, kind.message()))
    except SelectorError as error:
        raise BadRequest(
            f'Unable to find "{kind.api_version}, Resource={kind.plural}" that match label selector '
            f'"{labels}", field selector "{fields}": {error}'
        ) from error
    return Selection(kind, namespace if kind.namespaced else "", wanted, requirements)


@dataclass(slots=True)
class Part:
    """Some objects of a list. The last part has the list's version, and what is needed to go on."""

    objects: list[Message]
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

    version: int
    after: str

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps({"v": self.version, "k": self.after}).encode()).decode()


class Lister:
    """Answers lists."""

    def __init__(self, store: Store, objects: CachedObjects, settings: ApiSettings) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings

    async def list(self, wanted: Selection, options: ListOptions) -> AsyncIterator[Part]:
        """The list in parts. Raises BadRequest, Expired, Unavailable."""
        place = _place(options)
        asked = _version(options)
        if place is None and asked is not None and options.match != wire.EXACT:
            if asked:
                await self._objects.seen(asked, wanted.kind)
            if not options.limit:
                async for part in self._from_cache(wanted):
                    yield part
                return
        version = place.version if place is not None else (asked or 0 if options.match == wire.EXACT else 0)
        async for part in self._from_store(wanted, options.limit, version, place.after if place else ""):
            yield part

    async def _from_cache(self, wanted: Selection) -> AsyncIterator[Part]:
        records = self._objects.records(wanted.kind, wanted.namespace or None)
        version = self._objects.version(wanted.kind)
        found: list[Message] = []
        for record in records:
            obj = self._objects.message(wanted.kind, record)
            if wanted.matches(obj):
                found.append(obj)
            if len(found) >= self._settings.list_page:
                yield Part(found)
                found = []
        yield Part(found, version)

    async def _from_store(
        self, wanted: Selection, limit: int, version: int, after: str
    ) -> AsyncIterator[Part]:
        left = limit
        while True:
            size = self._settings.list_page if not limit or not wanted.everything else min(limit, left)
            try:
                page = await self._store.list(
                    wanted.prefix, limit=min(size, self._settings.list_page), after=after, version=version
                )
            except CompactedError as error:
                raise Expired(
                    "The provided continue parameter is too old to display a consistent list result. "
                    "You can start a new list without the continue parameter."
                ) from error
            except StoreError as error:
                raise Unavailable(f"etcd cannot be reached: {error}", retry_after_s=1) from error
            version = page.version
            found, used = _take(wanted, page.records, left if limit else len(page.records))
            more = page.more or used < len(page.records)
            left -= len(found)
            if used:
                after = page.records[used - 1].key
            if not more:
                yield Part(found, version)
                return
            if limit and left <= 0:
                remaining = page.remaining + len(page.records) - used if wanted.everything else None
                yield Part(found, version, _Place(version, after).token(), remaining)
                return
            yield Part(found)


def _take(wanted: Selection, records: Iterable[Record], most: int) -> tuple[list[Message], int]:
    """At most so many of the selected, and how many records that used up."""
    found: list[Message] = []
    used = 0
    for record in records:
        if len(found) >= most:
            break
        obj = wanted.kind.message.FromString(record.value)
        metadata(obj).resourceVersion = str(record.version)
        used += 1
        if wanted.matches(obj):
            found.append(obj)
    return found, used


def _place(options: ListOptions) -> _Place | None:
    if not options.continue_token:
        return None
    if options.resource_version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")
    try:
        content = json.loads(base64.urlsafe_b64decode(options.continue_token.encode()))
        return _Place(int(content["v"]), str(content["k"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(f'continue key is not valid: "{options.continue_token}"') from error


def _version(options: ListOptions) -> int | None:
    """The version that a list names; None: the newest."""
    if not options.resource_version:
        if options.match != wire.MATCH_DEFAULT:
            raise Invalid("resourceVersionMatch is forbidden unless resourceVersion is provided")
        return None
    if not options.resource_version.isdigit():
        raise BadRequest(f"Invalid value: {options.resource_version!r}: resourceVersion must be a number")
    version = int(options.resource_version)
    if options.match == wire.EXACT and version:
        return version // POSITIONS * POSITIONS + POSITIONS - 1
    return version
