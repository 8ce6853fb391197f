"""knarr rollout resume: what has waited is rolled out."""

from collections.abc import Mapping
from typing import Any

from knarr.api.kinds import DEPLOYMENT
from knarr.cli.choosing import Found, Wanted, chooses, named, require_selection
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.writing import Writing, writes


@knarr_command("resume", short_help="Roll out what has waited")
@chooses()
@writes("knarr-rollout")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Roll out what has changed while the deployment was paused.

    \b
      knarr rollout resume deploy/web
    """
    which = named(wanted, invocation)
    require_selection(wanted, which)
    if any(each.target.kind is not DEPLOYMENT for each in which):
        raise Failure("only deployments can be paused and resumed", USAGE)

    def patch(found: Found) -> Mapping[str, Any]:
        return {"spec": {"paused": None}}

    invocation.run(lambda client: patch_each(client, wanted, which, patch, writing, "resumed"))
