"""knarr api-resources: which kinds the control plane serves."""

import click

from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.client import Client
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("api-resources", short_help="Show the kinds of objects")
@click.option("--namespaced", type=bool, default=None, help="true or false: only these.")
@click.option("--output", "-o", metavar="wide|name")
@click.option("--no-headers", is_flag=True)
def command(invocation: Invocation, namespaced: bool | None, output: str | None, no_headers: bool) -> None:
    """Show the kinds that the control plane serves."""
    if output not in (None, "wide", "name"):
        raise Failure(f'-o "{output}": choose wide or name', USAGE)

    async def work(client: Client) -> None:
        found = [
            resource
            for resource in await client.resources()
            if namespaced is None or resource.namespaced == namespaced
        ]
        _print(sorted(found, key=lambda resource: resource.plural), output, no_headers)

    invocation.run(work)


def _print(found: list[wire.ResourcesResponse.Resource], output: str | None, no_headers: bool) -> None:
    rows = [] if no_headers else [["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]]
    if output == "wide" and rows:
        rows[0].append("VERBS")
    for resource in found:
        if output == "name":
            group = resource.api_version.rpartition("/")[0]
            click.echo(resource.plural + (f".{group}" if group else ""))
            continue
        short = ",".join(resource.short_names)
        namespaced = "true" if resource.namespaced else "false"
        row = [resource.plural, short, resource.api_version, namespaced, resource.kind]
        rows.append(row + ([",".join(resource.verbs)] if output == "wide" else []))
    if output == "name":
        return
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    for row in rows:
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
