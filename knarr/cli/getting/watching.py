"""Objects as they change: a watch that goes on where it stopped when a server goes away."""

import asyncio
import random
from collections.abc import AsyncIterator

import click
from google.protobuf.message import Message

from knarr.backoff import Backoff
from knarr.cli.choosing import Named
from knarr.cli.getting.query import Query
from knarr.cli.invocation import warn
from knarr.cli.output import name_of, print_columns, shown, text_of
from knarr.cli.tables import TablePrinter
from knarr.client import Client
from knarr.clock import SystemClock
from knarr.errors import Expired, Unavailable
from knarr.proto.services import object_service_pb2 as wire

GIVE_UP_S = 120.0  # without an answer of any server

FIRST_PAUSE_S = 0.2
MOST_PAUSE_S = 5.0


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
    async for event in changes(client, request, chunks[-1].resource_version):
        view.changed(event)


async def changes(client: Client, request: wire.ListRequest, version: str) -> AsyncIterator[wire.WatchEvent]:
    """Every change after `version` of what the request lists, connections lost or not. Where the server has
    forgotten that version, all objects come again. Ends only with an error."""
    loop = asyncio.get_running_loop()
    backoff = Backoff(random.Random(), FIRST_PAUSE_S, MOST_PAUSE_S)
    answered_s = loop.time()
    told = ""
    while True:
        try:
            async for event in client.watch_events(_watch_of(request, version)):
                answered_s = loop.time()
                backoff.reset()
                told = ""
                version = event.resource_version or version
                yield event
        except Expired:
            warn("changes were missed; everything is shown again")
            version = ""
        except Unavailable as error:
            if loop.time() - answered_s > GIVE_UP_S:
                raise
            if not told:
                told = f"{error.message}; trying again"
                warn(told)
        await asyncio.sleep(backoff.next_s())


def _watch_of(request: wire.ListRequest, version: str) -> wire.WatchRequest:
    return wire.WatchRequest(
        reference=request.reference,
        label_selector=request.label_selector,
        field_selector=request.field_selector,
        resource_version=version,
        bookmarks=True,
        as_table=request.as_table,
    )


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
