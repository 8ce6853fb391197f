"""knarr events: what happened, oldest first; once or as it happens."""

import asyncio
from collections.abc import Sequence

import click

from knarr.ages import age
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.resources import parse_one
from knarr.client import Client
from knarr.clock import SystemClock
from knarr.errors import Expired, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core

WIDTHS = (10, 8, 20, 36)


@knarr_command("events", short_help="Show what happened")
@click.option("--for", "about", metavar="KIND/NAME", help="To one object only.")
@click.option("--all-namespaces", "-A", is_flag=True, help="In all namespaces.")
@click.option("--types", default="", metavar="Normal,Warning", help="Of these types only.")
@click.option("--watch", "-w", is_flag=True, help="Go on printing.")
def command(invocation: Invocation, about: str | None, all_namespaces: bool, types: str, watch: bool) -> None:
    """Show what happened, oldest first."""
    namespace = "" if all_namespaces else invocation.namespace_or_default()
    wanted = {word.strip() for word in types.split(",") if word.strip()}
    if wanted - {"Normal", "Warning"}:
        raise Failure("--types: Normal and Warning are the types there are", USAGE)
    fields = ""
    if about:
        target = parse_one([about])
        fields = f"involvedObject.kind={target.kind.name},involvedObject.name={target.name}"
        namespace = namespace if target.kind.namespaced else ""
    invocation.run(lambda client: _show(client, namespace, fields, wanted, watch))


async def _show(client: Client, namespace: str, fields: str, types: set[str], watch: bool) -> None:
    listed = await client.list(core.Event, namespace, fields=fields)
    events = sorted((event for event in listed.items if _matches(event, types)), key=last_seen)
    if not events and not watch:
        where = f" in {namespace} namespace" if namespace else ""
        click.echo(f"No events found{where}.", err=True)
        return
    print_events(events, with_namespace=not namespace)
    version = listed.resource_version
    while watch:
        try:
            stream = client.watch(core.Event, namespace, fields=fields, resource_version=version)
            async for change in stream:
                version = change.resource_version or version
                if change.type in ("ADDED", "MODIFIED") and _matches(change.object, types):
                    print_events([change.object], with_namespace=not namespace, header=False)
        except Expired:
            version = (await client.list(core.Event, namespace, fields=fields, limit=1)).resource_version
        except Unavailable:
            await asyncio.sleep(1)


def _matches(event: core.Event, types: set[str]) -> bool:
    return not types or event.type in types


def last_seen(event: core.Event) -> float:
    """Seconds since 1970 at which the event last happened."""
    if event.series.lastObservedTime.seconds:
        return event.series.lastObservedTime.seconds
    return event.lastTimestamp.seconds or event.eventTime.seconds or event.metadata.creationTimestamp.seconds


def print_events(events: Sequence[core.Event], *, with_namespace: bool, header: bool = True) -> None:
    """One line for each event."""
    now = SystemClock().now()
    if header and events:
        _line(["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"], "NAMESPACE" if with_namespace else None)
    for event in events:
        involved = f"{event.involvedObject.kind}/{event.involvedObject.name}"
        times = f" (x{event.count})" if event.count > 1 else ""
        cells = [age(now - last_seen(event)), event.type, event.reason, involved, event.message + times]
        _line(cells, event.metadata.namespace if with_namespace else None)


def _line(cells: Sequence[str], namespace: str | None) -> None:
    padded = [cell.ljust(width) for cell, width in zip(cells, (*WIDTHS, 0), strict=True)]
    prefix = [namespace.ljust(16)] if namespace is not None else []
    click.echo("  ".join([*prefix, *padded]).rstrip())
