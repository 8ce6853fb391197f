"""knarr rollout resume: what has waited is rolled out."""

from knarr.cli.choosing import Wanted, chooses
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.rollouts import set_paused
from knarr.cli.writing import Writing, writes


@knarr_command("resume", short_help="Roll out what has waited")
@chooses()
@writes("knarr-rollout")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Roll out what has changed while the deployment was paused.

    \b
      knarr rollout resume deploy/web
    """
    set_paused(invocation, wanted, writing, paused=False)
