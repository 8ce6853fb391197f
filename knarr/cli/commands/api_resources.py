"""knarr api-resources: which kinds the control plane serves."""

import click

from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.tables import lined_up
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
    if output == "name":
        for resource in found:
            group = resource.api_version.rpartition("/")[0]
            click.echo(resource.plural + (f".{group}" if group else ""))
        return
    header = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS"]
    rows = [] if no_headers else [header]
    for resource in found:
        short, verbs = ",".join(resource.short_names), ",".join(resource.verbs)
        namespaced = "true" if resource.namespaced else "false"
        rows.append([resource.plural, short, resource.api_version, namespaced, resource.kind, verbs])
    shown = len(header) if output == "wide" else len(header) - 1
    for line in lined_up([row[:shown] for row in rows]):
        click.echo(line)
