"""knarr agent: one node agent in the foreground, as a service runs it."""

import os
import sys
from collections.abc import Sequence

import click

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("agent", short_help="Run one node agent in the foreground", context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: Sequence[str]) -> None:
    """Run one node agent in the foreground; `knarr agent --help` shows its options."""
    # The program replaces this one: it carries nothing of the command line in its memory. -P: what lies
    # in the current folder is not ours to import.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "node_agent", "run", *arguments])
