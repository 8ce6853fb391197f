"""knarr rollout pause: changes of a deployment's template wait."""

from knarr.cli.choosing import Wanted, chooses
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.rollouts import set_paused
from knarr.cli.writing import Writing, writes


@knarr_command("pause", short_help="Let changes wait")
@chooses()
@writes("knarr-rollout")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Let changes of a deployment's template wait, so that several become one rollout.

    \b
      knarr rollout pause deploy/web
    """
    set_paused(invocation, wanted, writing, paused=True)
