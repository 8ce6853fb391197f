"""knarr get: objects as tables, YAML, JSON, names or by JSONPath; once or as they change."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import click
from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.jsonpath import JsonPathError, find
from knarr.cli.output import Format, TablePrinter, name_of, parse_format, print_objects, text_of
from knarr.cli.resources import Target, parse
from knarr.client import Client
from knarr.client.calls import Unreachable
from knarr.client.client import metadata_of, reference
from knarr.clock import SystemClock
from knarr.errors import NotFound, Unavailable
from knarr.proto.services import object_service_pb2 as wire

PAGE = 500


@knarr_command("get", short_help="Show objects")
@click.argument("names", nargs=-1, metavar="KIND [NAME…] | KIND/NAME…")
@click.option("--all-namespaces", "-A", is_flag=True, help="In all namespaces.")
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="Label selector: a=b,c in (d,e),!f")
@click.option("--field-selector", default="", metavar="SELECTOR", help="For example status.phase=Running")
@click.option("--output", "-o", metavar="FORMAT", help="wide, yaml, json, name, jsonpath=TEMPLATE")
@click.option("--watch", "-w", is_flag=True, help="Go on printing changes.")
@click.option("--watch-only", is_flag=True, help="Print changes only.")
@click.option("--sort-by", metavar="JSONPATH", help="For example .metadata.creationTimestamp")
@click.option("--show-labels", is_flag=True, help="Add a column with all labels.")
@click.option("--label-columns", "-L", multiple=True, metavar="LABEL", help="Add a column with this label.")
@click.option("--no-headers", is_flag=True, help="Leave out the header line.")
@click.option("--ignore-not-found", is_flag=True, help="Succeed when there is no such object.")
def command(
    invocation: Invocation,
    names: Sequence[str],
    all_namespaces: bool,
    selector: str,
    field_selector: str,
    output: str | None,
    watch: bool,
    watch_only: bool,
    sort_by: str | None,
    show_labels: bool,
    label_columns: Sequence[str],
    no_headers: bool,
    ignore_not_found: bool,
) -> None:
    """Show objects.

    \b
      knarr get pods -o wide
      knarr get deploy,rs -A
      knarr get pod/web-1 svc/web -o yaml
      knarr get pods -l app=web -w
    """
    targets = parse(names)
    if any(target.name for target in targets) and (selector or field_selector):
        raise Failure("a selector goes with a kind, not with a name", USAGE)
    query = Query(
        invocation,
        targets,
        selector,
        field_selector,
        all_namespaces=all_namespaces,
        sort_by=sort_by,
        ignore_not_found=ignore_not_found,
        format=parse_format(output),
    )
    printer = TablePrinter(
        wide=query.format.name == "wide",
        with_namespace=all_namespaces,
        with_labels=show_labels,
        headers=not no_headers,
        label_columns=tuple(label for text in label_columns for label in text.split(",")),
    )
    if watch or watch_only:
        if len(targets) != 1:
            raise Failure("one kind at a time can be watched", USAGE)
        invocation.run(lambda client: _watch(client, query, printer, not watch_only))
    else:
        invocation.run(lambda client: _show(client, query, printer))


class Query:
    """What is asked for."""

    def __init__(
        self,
        invocation: Invocation,
        targets: Sequence[Target],
        labels: str,
        fields: str,
        *,
        all_namespaces: bool,
        sort_by: str | None,
        ignore_not_found: bool,
        format: Format,
    ) -> None:
        self.targets = targets
        self.labels = labels
        self.fields = fields
        self.sort_by = sort_by
        self.ignore_not_found = ignore_not_found
        self.format = format
        self.namespace = "" if all_namespaces else invocation.namespace_or_default()

    def list_request(self, target: Target, *, as_table: bool) -> wire.ListRequest:
        return wire.ListRequest(
            reference=reference(target.kind, self.namespace),
            label_selector=self.labels,
            field_selector=self.fields,
            limit=PAGE,
            as_table=as_table,
        )

    def where(self) -> str:
        """For the sentence that nothing was found."""
        return f" in {self.namespace} namespace" if self.namespace else ""


async def _show(client: Client, query: Query, printer: TablePrinter) -> None:
    if query.format.is_table:
        await _show_tables(client, query, printer)
    else:
        await _show_objects(client, query)


async def _show_objects(client: Client, query: Query) -> None:
    objects: list[Message] = []
    targets: list[Target] = []
    for target in query.targets:
        if target.name:
            found = await _get(client, query, target)
            values = [found.object] if found is not None else []
        else:
            values = await _list_objects(client, query, target)
        parsed = [target.kind.message.FromString(value) for value in values]
        objects.extend(parsed)
        targets.extend(name_of(obj, target) for obj in parsed)
    if query.sort_by:
        order = sorted(range(len(objects)), key=lambda index: _sort_key(objects[index], query.sort_by or ""))
        objects, targets = [objects[index] for index in order], [targets[index] for index in order]
    if not objects and query.ignore_not_found:
        return
    as_list = len(query.targets) != 1 or not query.targets[0].name
    print_objects(objects, targets, query.format, as_list=as_list)


async def _get(
    client: Client, query: Query, target: Target, *, as_table: bool = False
) -> wire.ObjectResponse | None:
    if not query.namespace and target.kind.namespaced:
        raise Failure("an object cannot be named across all namespaces", USAGE)
    try:
        return await client.get_response(target.kind, query.namespace, target.name, as_table=as_table)
    except NotFound:
        if query.ignore_not_found:
            return None
        raise


async def _list_objects(client: Client, query: Query, target: Target) -> list[bytes]:
    found: list[bytes] = []
    async for chunk in _chunks(client, query, target, as_table=False):
        found.extend(chunk.objects)
    return found


async def _chunks(
    client: Client, query: Query, target: Target, *, as_table: bool
) -> AsyncIterator[wire.ListChunk]:
    request = query.list_request(target, as_table=as_table)
    while True:
        chunks = await client.list_chunks(request)
        for chunk in chunks:
            yield chunk
        if not chunks[-1].continue_token:
            return
        request.continue_token = chunks[-1].continue_token


async def _show_tables(client: Client, query: Query, printer: TablePrinter) -> None:
    kinds = {target.kind.name for target in query.targets}
    several = len(kinds) > 1
    shown = 0
    for kind_name in dict.fromkeys(target.kind.name for target in query.targets):
        targets = [target for target in query.targets if target.kind.name == kind_name]
        tables = await _tables(client, query, targets)
        rows = sum(len(table.rows) for table in tables)
        if not rows:
            continue
        if several and shown:
            click.echo()
        with_namespace = printer.with_namespace and targets[0].kind.namespaced
        fresh = printer.fresh(with_kind=several, with_namespace=with_namespace)
        shown += fresh.print(tables, SystemClock().now())
    if not shown and not query.ignore_not_found:
        click.echo(f"No resources found{query.where()}.", err=True)


async def _tables(client: Client, query: Query, targets: Sequence[Target]) -> list[wire.Table]:
    tables: list[wire.Table] = []
    for target in targets:
        if target.name:
            response = await _get(client, query, target, as_table=True)
            tables += [response.table] if response is not None else []
        else:
            tables += [chunk.table async for chunk in _chunks(client, query, target, as_table=True)]
            if query.sort_by:
                tables = [await _sorted(client, query, target, tables)]
    return tables


async def _sorted(client: Client, query: Query, target: Target, tables: Sequence[wire.Table]) -> wire.Table:
    objects = [target.kind.message.FromString(value) for value in await _list_objects(client, query, target)]
    keys = {
        (metadata_of(obj).namespace, metadata_of(obj).name): _sort_key(obj, query.sort_by or "")
        for obj in objects
    }
    table = wire.Table(columns=tables[0].columns)
    rows = [row for part in tables for row in part.rows]
    last = (1, "")
    rows.sort(key=lambda row: keys.get((row.reference.namespace, row.reference.name), last))
    table.rows.extend(rows)
    return table


def _sort_key(obj: Message, path: str) -> tuple[int, Any]:
    """Numbers before texts before nothing; raises Failure for a path that cannot be read."""
    try:
        found = find(path.strip().strip("{}"), object_to_dict(obj))
    except JsonPathError as error:
        raise Failure(f"--sort-by: {error}", USAGE) from error
    if not found:
        return (2, "")
    value = found[0]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (0, value) if is_number else (1, str(value))


async def _watch(client: Client, query: Query, printer: TablePrinter, first: bool) -> None:
    target = query.targets[0]
    fields = query.fields
    if target.name:
        fields = f"metadata.name={target.name}"
    request = query.list_request(target, as_table=query.format.is_table)
    request.field_selector = fields
    request.limit = 0
    chunks = await client.list_chunks(request)
    if first:
        _print_listed(chunks, target, query, printer)
    else:
        printer.learn_columns(chunks[0].table)
    version = chunks[-1].resource_version
    while True:
        watch = wire.WatchRequest(
            reference=request.reference,
            label_selector=query.labels,
            field_selector=fields,
            resource_version=version,
            as_table=query.format.is_table,
        )
        try:
            async for event in client.watch_events(watch):
                version = event.resource_version or version
                _print_event(event, target, query, printer)
        except Unreachable:
            raise
        except Unavailable:
            await asyncio.sleep(1)


def _print_listed(
    chunks: Sequence[wire.ListChunk], target: Target, query: Query, printer: TablePrinter
) -> None:
    if query.format.is_table:
        printer.print([chunk.table for chunk in chunks], SystemClock().now())
    else:
        for chunk in chunks:
            for value in chunk.objects:
                _print_one(target.kind.message.FromString(value), target, query)


def _print_event(event: wire.WatchEvent, target: Target, query: Query, printer: TablePrinter) -> None:
    if event.type == wire.WatchEvent.BOOKMARK:
        return
    if query.format.is_table:
        printer.print([event.table], SystemClock().now())
    else:
        _print_one(target.kind.message.FromString(event.object), target, query)


def _print_one(obj: Message, target: Target, query: Query) -> None:
    if query.format.name == "name":
        click.echo(str(name_of(obj, target)))
        return
    if query.format.name == "yaml":
        click.echo("---")
    click.echo(text_of(object_to_dict(obj), query.format), nl=query.format.name == "jsonpath")
