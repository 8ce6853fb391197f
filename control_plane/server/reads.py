"""Read requests of ObjectService: objects, lists and watches, as bytes or as tables. No transport."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from control_plane.api.api import Api
from control_plane.api.changing import STATUS, check_subresource
from control_plane.api.messages import decode, with_version
from control_plane.api.reading import Lister, ListOptions, Row
from control_plane.api.scale import SCALE, scale_of
from control_plane.api.selection import selection
from control_plane.api.tables.table import table
from control_plane.api.watching.events import BOOKMARK, Event
from control_plane.api.watching.watcher import Watches, WatchOptions
from control_plane.server.bodies import kind_of
from knarr.api.kinds import Kind
from knarr.errors import ApiError, BadRequest, MethodNotAllowed
from knarr.proto.services import object_service_pb2 as wire

# Of a table made at once: a row takes some fifty microseconds, and others must run in between.
TABLE_ROWS = 128


class ReadRequests:
    """Answers read requests. Every method raises ApiError, but watch, whose last event is it."""

    def __init__(self, api: Api, lister: Lister, watches: Watches) -> None:
        self._api = api
        self._lister = lister
        self._watches = watches

    async def get(self, request: wire.GetRequest) -> wire.ObjectResponse:
        kind, reference = kind_of(request.reference), request.reference
        if not reference.name:
            raise BadRequest("the reference has no name: list to get all objects of a kind")
        check_subresource(kind, request.subresource)
        if request.subresource not in ("", STATUS, SCALE):
            raise MethodNotAllowed(f"{kind.plural}/{request.subresource} cannot be read")
        record = await self._lister.get(kind, reference.namespace, reference.name, request.resource_version)
        answer = wire.ObjectResponse(reference=reference)
        if request.subresource == SCALE:
            obj = decode(kind, record.value, record.version)
            answer.object = scale_of(obj).SerializeToString()
        elif request.as_table:
            answer.table.CopyFrom(table(kind, [decode(kind, record.value, record.version)]))
        else:
            answer.object = with_version(record.value, record.version)
        return answer

    async def list(self, request: wire.ListRequest) -> AsyncGenerator[wire.ListChunk, None]:
        """Chunks of bounded size; the last has the version, and the first the columns of a table."""
        kind = kind_of(request.reference)
        wanted = selection(kind, request.reference.namespace, request.label_selector, request.field_selector)
        options = ListOptions(
            request.limit, request.continue_token, request.resource_version, request.version_match
        )
        limit = self._api.settings.part_bytes
        header = request.as_table
        async for part in self._lister.list(wanted, options):
            for rows in _pieces(part.rows, limit, TABLE_ROWS if request.as_table else len(part.rows)):
                yield _chunk(kind, rows, as_table=request.as_table, header=header)
                header = False
            if part.version:
                last = wire.ListChunk(resource_version=str(part.version), continue_token=part.continue_token)
                if part.remaining is not None:
                    last.remaining_items = part.remaining
                if header:
                    last.table.CopyFrom(table(kind, []))
                yield last

    async def watch(self, request: wire.WatchRequest) -> AsyncGenerator[wire.WatchBatch, None]:
        """Batches of events until time is up; an error is the last event."""
        try:
            kind = kind_of(request.reference)
            wanted = selection(
                kind, request.reference.namespace, request.label_selector, request.field_selector
            )
            options = WatchOptions(
                request.resource_version,
                request.bookmarks,
                request.send_initial_events,
                float(request.timeout_seconds) if request.timeout_seconds > 0 else None,
            )
            header = request.as_table
            async with aclosing(self._watches.watch(wanted, options)) as batches:
                async for events in batches:
                    found = [_watch_event(kind, event, as_table=request.as_table) for event in events]
                    if header:
                        found[0].table.MergeFrom(table(kind, []))
                        header = False
                    yield wire.WatchBatch(events=found)
        except ApiError as error:
            yield wire.WatchBatch(events=[wire.WatchEvent(type=wire.WatchEvent.ERROR, status=error.status())])


def _pieces(rows: list[Row], most_bytes: int, most: int) -> list[list[Row]]:
    """Rows in pieces of bounded size, each with one row at least; none for no rows."""
    pieces: list[list[Row]] = []
    size = most_bytes
    for row in rows:
        if size + len(row.value) > most_bytes or len(pieces[-1]) >= most:
            pieces.append([])
            size = 0
        pieces[-1].append(row)
        size += len(row.value)
    return pieces


def _chunk(kind: Kind, rows: list[Row], *, as_table: bool, header: bool) -> wire.ListChunk:
    if not as_table:
        return wire.ListChunk(objects=[with_version(row.value, row.version) for row in rows])
    objects = [decode(kind, row.value, row.version) for row in rows]
    return wire.ListChunk(table=table(kind, objects, header=header))


def _watch_event(kind: Kind, event: Event, *, as_table: bool) -> wire.WatchEvent:
    result = wire.WatchEvent(type=event.type, resource_version=str(event.version))
    if not as_table:
        result.object = event.value
    elif event.type != BOOKMARK:
        result.table.CopyFrom(table(kind, [kind.message.FromString(event.value)], header=False))
    return result
