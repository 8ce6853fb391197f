"""knarr rollout history: the revisions of a deployment."""

from collections.abc import Sequence

import click

from knarr.cli.complete import complete_targets
from knarr.cli.decisions.revisions import Revision, revision
from knarr.cli.describing.text import Text
from knarr.cli.describing.workload import template
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.rollouts import deployment_target, with_revisions
from knarr.cli.tables import lined_up
from knarr.client import Client
from knarr.clock import SystemClock


@knarr_command("history", short_help="Show the revisions")
@click.argument("names", nargs=-1, metavar="deployment/NAME", shell_complete=complete_targets)
@click.option("--revision", "number", type=int, default=0, help="Show this one's template.")
def command(invocation: Invocation, names: Sequence[str], number: int) -> None:
    """Show the revisions of a deployment, with the cause that its annotation kubernetes.io/change-cause had.

    \b
      knarr rollout history deploy/web
      knarr rollout history deploy/web --revision=2
    """
    target = deployment_target(names)
    namespace = invocation.namespace_or_default()

    async def work(client: Client) -> list[Revision]:
        return (await with_revisions(client, namespace, target.name))[1]

    found = invocation.run(work)
    click.echo(f"{target}" + (f" with revision #{number}" if number else ""))
    if number:
        text = Text(SystemClock().now())
        template(text, revision(found, number, str(target)).template)
        click.echo(text.finished(), nl=False)
        return
    rows = [["REVISION", "CHANGE-CAUSE"], *([str(each.number), each.cause or "<none>"] for each in found)]
    click.echo("\n".join(lined_up(rows)))
