"""knarr rollout pause: changes of a deployment's template wait."""

from collections.abc import Mapping
from typing import Any

from knarr.api.kinds import DEPLOYMENT
from knarr.cli.choosing import Found, Wanted, chooses, named, require_selection
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.writing import Writing, writes


@knarr_command("pause", short_help="Let changes wait")
@chooses()
@writes("knarr-rollout")
def command(invocation: Invocation, wanted: Wanted, writing: Writing) -> None:
    """Let changes of a deployment's template wait, so that several become one rollout.

    \b
      knarr rollout pause deploy/web
    """
    which = named(wanted, invocation)
    require_selection(wanted, which)
    if any(each.target.kind is not DEPLOYMENT for each in which):
        raise Failure("only deployments can be paused and resumed", USAGE)

    def patch(found: Found) -> Mapping[str, Any]:
        return {"spec": {"paused": True}}

    invocation.run(lambda client: patch_each(client, wanted, which, patch, writing, "paused"))
