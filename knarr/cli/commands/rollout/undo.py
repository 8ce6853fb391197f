"""knarr rollout undo: back to a revision before."""

from collections.abc import Sequence

import click

from knarr.api.codec import to_dict
from knarr.cli.complete import complete_targets
from knarr.cli.decisions.revisions import before
from knarr.cli.failure import FAILED, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_request
from knarr.cli.rollouts import deployment_target, with_revisions
from knarr.cli.writing import DRY_RUN, Writing
from knarr.client import Client
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("undo", short_help="Go back to a revision before")
@click.argument("names", nargs=-1, metavar="deployment/NAME", shell_complete=complete_targets)
@click.option("--to-revision", "number", type=int, default=0, help="Which; 0: the last but one.")
@DRY_RUN
def command(invocation: Invocation, names: Sequence[str], number: int, dry_run: str) -> None:
    """Give a deployment the pod template that it had in a revision before.

    \b
      knarr rollout undo deploy/web
      knarr rollout undo deploy/web --to-revision=2
    """
    target = deployment_target(names)
    namespace = invocation.namespace_or_default()
    writing = Writing("knarr-rollout", dry_run)

    async def work(client: Client) -> None:
        deployment, found = await with_revisions(client, namespace, target.name)
        if deployment.spec.paused:
            raise Failure(f"{target} is paused; `knarr rollout resume` it first", FAILED)
        wanted = before(found, number, str(target))
        if wanted.template == deployment.spec.template:
            writing.tell(target, f"has the template of revision {wanted.number} already")
            return
        change = {"op": "replace", "path": "/spec/template", "value": to_dict(wanted.template)}
        request = patch_request(target, namespace, [change], writing, wire.PatchRequest.JSON)
        writing.tell(target, f"rolled back to revision {wanted.number}", await client.send(request))

    invocation.run(work)
