"""knarr cordon: no new pods come to a node."""

from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.nodes import Choice, chooses_nodes, cordon
from knarr.cli.writing import DRY_RUN, Writing


@knarr_command("cordon", short_help="Keep new pods off nodes")
@chooses_nodes
@DRY_RUN
def command(invocation: Invocation, choice: Choice, dry_run: str) -> None:
    """Keep new pods off nodes; those that run there stay."""
    cordon(invocation, choice, Writing("knarr-cordon", dry_run), unschedulable=True)
