"""Following in the forms of the wire, objects or rows of tables, for programs that print what servers send.

Events are handed on as they come. Only where the servers have forgotten what happened is a list turned into
events, in the same form.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.client.following import reader
from knarr.client.known import Known, Seen, Step
from knarr.client.streams import Batches
from knarr.errors import Expired
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire

Chunks = Sequence[wire.ListChunk]


class Objects:
    """Objects as bytes of their kind's message."""

    def __init__(self, message: type[Message]) -> None:
        self._read = reader(message)

    def listed(self, chunks: Chunks) -> Iterator[Seen]:
        return (self._read(value) for chunk in chunks for value in chunk.objects)

    def of_event(self, event: wire.WatchEvent) -> Iterator[Seen]:
        yield self._read(event.object)

    def event(self, step: Step) -> wire.WatchEvent:
        return wire.WatchEvent(type=wire.WatchEvent.Type.Value(step.type), object=step.value)


class Rows:
    """Rows of tables. They do not tell the uids of their objects: a new object of an old name is the same
    row."""

    def listed(self, chunks: Chunks) -> Iterator[Seen]:
        return (_row(row) for chunk in chunks for row in chunk.table.rows)

    def of_event(self, event: wire.WatchEvent) -> Iterator[Seen]:
        return map(_row, event.table.rows)

    def event(self, step: Step) -> wire.WatchEvent:
        row = wire.Table.Row.FromString(step.value)
        return wire.WatchEvent(type=wire.WatchEvent.Type.Value(step.type), table=wire.Table(rows=[row]))


def _row(row: wire.Table.Row) -> Seen:
    value = row.SerializeToString(deterministic=True)
    return Seen((row.reference.namespace, row.reference.name), "", value)


def form_of(request: wire.ListRequest) -> Objects | Rows:
    """How the answers to a request are read."""
    if request.as_table:
        return Rows()
    kind = kinds.find(request.reference.api_version, request.reference.kind)
    # Of a kind that nobody serves nothing is ever listed.
    return Objects(kind.message if kind is not None else meta.Status)


async def follow(
    request: wire.ListRequest,
    chunks: Chunks,
    list_again: Callable[[], Awaitable[Chunks]],
    resumed_at: Callable[[str], Batches],
) -> AsyncGenerator[wire.WatchEvent, None]:
    """See Watching.follow_events; `resumed_at` gives a watch after a version that goes on by itself."""
    form = form_of(request)
    known = Known()
    for _ in known.replace(list(form.listed(chunks))):
        pass
    while True:
        try:
            async with aclosing(resumed_at(chunks[-1].resource_version)) as stream:
                async for events in stream:
                    for event in events:
                        if event.type != wire.WatchEvent.BOOKMARK:
                            _take(form, known, event)
                            yield event
        except Expired:
            chunks = await list_again()
            for step in known.replace(list(form.listed(chunks))):
                yield form.event(step)


def _take(form: Objects | Rows, known: Known, event: wire.WatchEvent) -> None:
    for seen in form.of_event(event):
        if event.type == wire.WatchEvent.DELETED:
            known.drop(seen.key)
        else:
            known.put(seen)
