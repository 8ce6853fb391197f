"""knarr annotate: annotations of objects."""

import click

from knarr.cli.choosing import Wanted, chooses
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.marking import ANNOTATIONS, mark
from knarr.cli.writing import Writing, writes


@knarr_command("annotate", short_help="Set or remove annotations")
@chooses()
@click.option("--overwrite", is_flag=True, help="Replace values that are there.")
@click.option("--list", "show", is_flag=True, help="Show the annotations.")
@writes("knarr-annotate")
def command(invocation: Invocation, wanted: Wanted, overwrite: bool, show: bool, writing: Writing) -> None:
    """Set annotations (KEY=VALUE) or remove them (KEY-), of objects by name, by selector, or as files say.

    \b
      knarr annotate pod web-1 tier=front
      knarr annotate deploy -l app=web owner=me --overwrite
      knarr annotate node node-1 rack-
    """
    mark(invocation, wanted, writing, ANNOTATIONS, overwrite=overwrite, show=show)
