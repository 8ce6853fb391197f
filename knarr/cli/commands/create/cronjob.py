"""knarr create cronjob."""

from collections.abc import Sequence

import click

from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import cron_job
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes


@knarr_command("cronjob", short_help="A cron job")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[-- COMMAND…]")
@click.option("--image", required=True, help="What to run.")
@click.option("--schedule", required=True, metavar="CRON", help="When, for example '*/5 * * * *'.")
@click.option(
    "--restart",
    type=click.Choice(["OnFailure", "Never"]),
    default="OnFailure",
    show_default=True,
    help="Whether containers that fail are started again.",
)
@writes("knarr-create")
def command(
    invocation: Invocation,
    name: str,
    arguments: Sequence[str],
    image: str,
    schedule: str,
    restart: str,
    writing: Writing,
) -> None:
    """Create a cron job of an image.

    \b
      knarr create cronjob nightly --image=busybox --schedule='0 3 * * *' -- echo hello
    """
    made = cron_job(name, image, schedule, restart, arguments)
    create(invocation, [new(made, invocation)], writing)
