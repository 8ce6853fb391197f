"""knarr version: of this program and of the control plane."""

import click

from knarr import __version__
from knarr.cli.failure import Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.client import Client


@knarr_command("version", short_help="Show versions")
@click.option("--client", "client_only", is_flag=True, help="Of this program only.")
def command(invocation: Invocation, client_only: bool) -> None:
    """Show the versions of this program and of the control plane."""
    click.echo(f"Client: {__version__}")
    if client_only:
        return

    async def work(client: Client) -> None:
        info = await client.server_info()
        click.echo(f"Server: {info.version} (cluster {info.cluster_id}, replica {info.replica})")

    try:
        invocation.run(work)
    except Failure as error:
        raise Failure(f"Server: {error.message}", error.exit_code) from error
