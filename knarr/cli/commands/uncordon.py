"""knarr uncordon: new pods may come to a node again."""

from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.nodes import Choice, chooses_nodes, cordon
from knarr.cli.writing import DRY_RUN, Writing


@knarr_command("uncordon", short_help="Let new pods onto nodes again")
@chooses_nodes
@DRY_RUN
def command(invocation: Invocation, choice: Choice, dry_run: str) -> None:
    """Let new pods onto nodes again."""
    cordon(invocation, choice, Writing("knarr-uncordon", dry_run), unschedulable=False)
