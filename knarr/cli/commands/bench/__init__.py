"""knarr bench: measure the scheduler, on recordings of real clusters."""

from knarr.cli.commands.bench import record, replay
from knarr.cli.invocation import Invocation, knarr_group


@knarr_group("bench", short_help="Record a cluster, and run the scheduler on recordings")
def command(invocation: Invocation) -> None:
    """Record what scheduling depends on, and run the scheduler on it offline: for bug reports and tuning."""


command.add_command(record.command)
command.add_command(replay.command)
