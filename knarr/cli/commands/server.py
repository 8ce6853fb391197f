"""knarr server: one control plane replica in the foreground, as a service runs it."""

import os
import sys
from collections.abc import Sequence

import click

PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command("server", short_help="Run one control plane replica", context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: Sequence[str]) -> None:
    """Run one control plane replica in the foreground; `knarr server --help` shows its options."""
    # The program replaces this one: it carries nothing of the command line in its memory. -P: what lies
    # in the current folder is not ours to import.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "control_plane", *arguments])
