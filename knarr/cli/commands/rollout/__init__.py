"""knarr rollout: a workload's changes, followed and steered."""

import click

from knarr.cli.arguments import KnarrGroup
from knarr.cli.commands.rollout import history, pause, restart, resume, status, undo


@click.group("rollout", cls=KnarrGroup, short_help="Follow and steer a workload's change")
def command() -> None:
    """Follow and steer a workload's change."""


for part in (history, pause, restart, resume, status, undo):
    command.add_command(part.command)
