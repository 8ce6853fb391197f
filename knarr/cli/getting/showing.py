"""Objects as they are now: the server's tables, or whole."""

from collections.abc import Sequence
from typing import Any

import click
from google.protobuf.message import Message

from knarr.api.codec import object_to_dict
from knarr.cli.choosing import Named
from knarr.cli.decisions.ordering import order_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.getting.query import Query
from knarr.cli.jsonpath import JsonPathError
from knarr.cli.output import name_of, print_objects
from knarr.cli.tables import TablePrinter
from knarr.client import Client, metadata_of
from knarr.clock import SystemClock
from knarr.proto.services import object_service_pb2 as wire


async def show(client: Client, query: Query, printer: TablePrinter) -> None:
    """Print what was asked for; raises Failure for names that there are not."""
    if query.format.is_table:
        await _show_tables(client, query, printer)
    else:
        await _show_objects(client, query, headers=printer.headers)
    query.finish()


async def _show_objects(client: Client, query: Query, *, headers: bool) -> None:
    found = [pair for each in query.which for pair in await query.objects(client, each)]
    objects = [target.kind.message.FromString(value) for target, value in found]
    targets = [name_of(obj, target) for obj, (target, _) in zip(objects, found, strict=True)]
    as_list = len(query.which) != 1 or not query.which[0].target.name
    if query.sort_by:
        order = sorted_by(query, [object_to_dict(obj) for obj in objects])
        objects, targets = [objects[index] for index in order], [targets[index] for index in order]
    if not objects and (query.ignore_not_found or query.missing):
        return
    print_objects(
        objects,
        targets,
        query.format,
        as_list=as_list,
        managed_fields=query.managed_fields,
        headers=headers,
    )


async def _show_tables(client: Client, query: Query, printer: TablePrinter) -> None:
    kinds = {each.target.kind.name for each in query.which}
    shown = 0
    for kind_name in dict.fromkeys(each.target.kind.name for each in query.which):
        those = [each for each in query.which if each.target.kind.name == kind_name]
        tables = await _tables(client, query, those)
        if not any(table.rows for table in tables):
            continue
        if shown:
            click.echo()
        kind = those[0].target.kind
        fresh = printer.fresh(
            with_kind=printer.with_kind or len(kinds) > 1,
            with_namespace=printer.with_namespace and kind.namespaced,
        )
        shown += fresh.print(tables, SystemClock().now())
    if not shown and not query.ignore_not_found and not query.missing:
        within = query.namespace and any(each.target.kind.namespaced for each in query.which)
        where = f" in {query.namespace} namespace" if within else ""
        click.echo(f"No resources found{where}.", err=True)


async def _tables(client: Client, query: Query, those: Sequence[Named]) -> list[wire.Table]:
    tables: list[wire.Table] = []
    for each in those:
        if each.target.name:
            response = await query.one(client, each, as_table=True)
            tables += [response.table] if response is not None else []
        else:
            tables += [chunk.table async for chunk in query.pages(client, each, as_table=True)]
    return await _sorted(client, query, those, tables) if query.sort_by and tables else tables


async def _sorted(
    client: Client, query: Query, those: Sequence[Named], tables: Sequence[wire.Table]
) -> list[wire.Table]:
    """The rows in the order of the objects; rows have not all that one may sort by."""
    values = [
        target.kind.message.FromString(value)
        for each in those
        for target, value in await query.objects(client, each)
    ]
    order = sorted_by(query, [object_to_dict(value) for value in values])
    places = {_place(values[index]): place for place, index in enumerate(order)}
    table = wire.Table(columns=tables[0].columns)
    table.rows.extend(
        sorted(
            (row for part in tables for row in part.rows),
            key=lambda row: places.get((row.reference.namespace, row.reference.name), len(places)),
        )
    )
    return [table]


def sorted_by(query: Query, values: Sequence[Any]) -> list[int]:
    """The indexes of the values as --sort-by orders them; raises Failure."""
    try:
        return order_of(values, query.sort_by)
    except JsonPathError as error:
        raise Failure(f"--sort-by: {error}", USAGE) from error


def _place(obj: Message) -> tuple[str, str]:
    metadata = metadata_of(obj)
    return metadata.namespace, metadata.name
