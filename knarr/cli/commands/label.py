"""knarr label: labels of objects."""

import click

from knarr.cli.choosing import Wanted, chooses
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.marking import LABELS, mark
from knarr.cli.writing import Writing, writes


@knarr_command("label", short_help="Set or remove labels")
@chooses()
@click.option("--overwrite", is_flag=True, help="Replace values that are there.")
@click.option("--list", "show", is_flag=True, help="Show the labels.")
@writes("knarr-label")
def command(invocation: Invocation, wanted: Wanted, overwrite: bool, show: bool, writing: Writing) -> None:
    """Set labels (KEY=VALUE) or remove them (KEY-), of objects by name, by selector, or as files say.

    \b
      knarr label pod web-1 tier=front
      knarr label deploy -l app=web owner=me --overwrite
      knarr label node node-1 rack-
    """
    mark(invocation, wanted, writing, LABELS, overwrite=overwrite, show=show)
