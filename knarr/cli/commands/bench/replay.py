"""knarr bench replay: the scheduler on a recording, offline."""

import os
import sys
from collections.abc import Sequence

import click

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("replay", short_help="Run the scheduler on a recording, offline", context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: Sequence[str]) -> None:
    """Run the scheduler on a recording, offline; `knarr bench replay --help` shows its options."""
    # The program replaces this one: the command line knows nothing of the scheduler.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "control_plane.insight.replay", *arguments])
