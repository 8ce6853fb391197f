"""knarr uncordon: new pods may come to a node again."""

from collections.abc import Sequence

import click

from knarr.api.kinds import NODE
from knarr.cli.complete import complete_names_of
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.nodes import check_choice, chosen, set_unschedulable
from knarr.cli.writing import DRY_RUN, Writing
from knarr.client import Client


@knarr_command("uncordon", short_help="Let new pods onto nodes again")
@click.argument("nodes", nargs=-1, metavar="NODE…", shell_complete=complete_names_of(NODE))
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="All nodes with these labels.")
@DRY_RUN
def command(invocation: Invocation, nodes: Sequence[str], selector: str, dry_run: str) -> None:
    """Let new pods onto nodes again."""
    check_choice(nodes, selector)

    async def work(client: Client) -> None:
        found = await chosen(client, nodes, selector)
        await set_unschedulable(client, found, Writing("knarr-uncordon", dry_run), unschedulable=False)

    invocation.run(work)
