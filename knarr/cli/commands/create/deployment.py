"""knarr create deployment."""

from collections.abc import Sequence

import click

from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import deployment
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes


@knarr_command("deployment", short_help="A deployment")
@click.argument("name")
@click.argument("arguments", nargs=-1, metavar="[-- COMMAND…]")
@click.option(
    "--image", "images", multiple=True, required=True, help="What to run; again for more containers."
)
@click.option("--replicas", "-r", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--port", type=int, help="The port that the containers listen on.")
@writes("knarr-create")
def command(
    invocation: Invocation,
    name: str,
    arguments: Sequence[str],
    images: Sequence[str],
    replicas: int,
    port: int | None,
    writing: Writing,
) -> None:
    """Create a deployment of an image.

    \b
      knarr create deployment web --image=nginx --replicas=3 --port=80
      knarr create deployment sleeper --image=busybox -- sleep 1d
    """
    made = deployment(name, images, replicas=replicas, port=port, command=arguments)
    create(invocation, [new(made, invocation)], writing)
