"""knarr cordon: no new pods come to a node."""

from collections.abc import Sequence

import click

from knarr.api.kinds import NODE
from knarr.cli.complete import complete_names_of
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.nodes import check_choice, chosen, set_unschedulable
from knarr.cli.writing import DRY_RUN, Writing
from knarr.client import Client


@knarr_command("cordon", short_help="Keep new pods off nodes")
@click.argument("nodes", nargs=-1, metavar="NODE…", shell_complete=complete_names_of(NODE))
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="All nodes with these labels.")
@DRY_RUN
def command(invocation: Invocation, nodes: Sequence[str], selector: str, dry_run: str) -> None:
    """Keep new pods off nodes; those that run there stay."""
    check_choice(nodes, selector)

    async def work(client: Client) -> None:
        found = await chosen(client, nodes, selector)
        await set_unschedulable(client, found, Writing("knarr-cordon", dry_run), unschedulable=True)

    invocation.run(work)
