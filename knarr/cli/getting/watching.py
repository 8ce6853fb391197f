"""Objects as they change: a watch that goes on where it stopped when a server goes away."""

from contextlib import aclosing

import click
from google.protobuf.message import Message

from knarr.cli.choosing import Named
from knarr.cli.getting.query import Query
from knarr.cli.invocation import warn
from knarr.cli.output import name_of, print_columns, shown, text_of
from knarr.cli.tables import TablePrinter
from knarr.client import Client
from knarr.clock import SystemClock
from knarr.proto.services import object_service_pb2 as wire

GIVE_UP_S = 120.0  # without an answer of any server


async def watch(client: Client, query: Query, printer: TablePrinter, *, first: bool, events: bool) -> None:
    """Print what is there, unless not `first`, then every change, until the caller stops it. `events` adds
    what became of each. Raises Unavailable when no server has answered for a while."""
    each = query.which[0]
    request = query.list_request(each, as_table=query.format.is_table)
    request.limit = 0
    if each.target.name:
        request.field_selector = f"metadata.name={each.target.name}"
    chunks = await client.list_chunks(request)
    view = _View(each, query, printer, events)
    for chunk in chunks:
        view.listed(chunk, show=first)
    stream = client.follow_events(
        request,
        chunks,
        patience_s=GIVE_UP_S,
        on_lost=lambda error: warn(f"{error.message}; trying again"),
    )
    async with aclosing(stream):
        async for event in stream:
            view.changed(event)


class _View:
    """Prints lists and events in the format asked for."""

    def __init__(self, each: Named, query: Query, printer: TablePrinter, events: bool) -> None:
        self._target = each.target
        self._query = query
        self._printer = printer
        self._events = events
        self._headers = printer.headers
        printer.with_namespace = printer.with_namespace and each.target.kind.namespaced
        printer.with_event = events

    def listed(self, chunk: wire.ListChunk, *, show: bool) -> None:
        """What is there at first."""
        if self._query.format.is_table:
            self._printer.learn_columns(chunk.table)
            if show:
                self._printer.print([chunk.table], SystemClock().now(), event="ADDED")
        elif show:
            for value in chunk.objects:
                self._whole(self._target.kind.message.FromString(value), "ADDED")

    def changed(self, event: wire.WatchEvent) -> None:
        """One event."""
        if event.type == wire.WatchEvent.BOOKMARK:
            return
        name = wire.WatchEvent.Type.Name(event.type)
        if self._query.format.is_table:
            self._printer.print([event.table], SystemClock().now(), event=name)
        else:
            self._whole(self._target.kind.message.FromString(event.object), name)

    def _whole(self, obj: Message, event: str) -> None:
        format = self._query.format
        if format.name == "name":
            click.echo(str(name_of(obj, self._target)))
            return
        value = shown(obj, managed_fields=self._query.managed_fields)
        if format.name == "custom-columns":
            print_columns([value], format, headers=self._headers)
            self._headers = False
            return
        if format.name == "yaml":
            click.echo("---")
        if self._events and format.name in ("yaml", "json"):
            value = {"type": event, "object": value}
        click.echo(text_of(value, format), nl=format.name == "jsonpath")
