"""knarr rollout status: how a workload's change is getting on."""

from collections.abc import Sequence

import click
from google.protobuf.message import Message

from knarr.api.kinds import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from knarr.cli.complete import complete_targets
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.progress import Progress
from knarr.cli.readiness import Readiness, deployment_readiness, readiness
from knarr.cli.resources import parse_one
from knarr.cli.waiting import wait_ready
from knarr.client import Client
from knarr.proto.kubernetes import apps_v1_pb2 as apps


@knarr_command("status", short_help="Wait until a rollout is finished, or say why it is not")
@click.argument("names", nargs=-1, metavar="KIND/NAME", shell_complete=complete_targets)
@click.option("--watch/--no-watch", default=True, show_default=True, help="Wait for the end.")
@click.option("--timeout", type=DURATION, default="10m", show_default=True, help="How long to wait.")
@click.option("--revision", type=int, default=0, help="Fail when another revision takes over.")
def command(invocation: Invocation, names: Sequence[str], watch: bool, timeout: float, revision: int) -> None:
    """Wait until a rollout is finished; ends with 1 and the cause when it cannot succeed, with 3 when the
    time is over.

    \b
      knarr rollout status deploy/web
      knarr rollout status ds/log --timeout=1m
    """
    target = parse_one(names)
    if target.kind not in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET):
        raise Failure(f"{target}: deployments, stateful sets and daemon sets have rollouts", USAGE)
    namespace = invocation.namespace_or_default()

    def judge(obj: Message) -> Readiness:
        return deployment_readiness(obj, revision) if isinstance(obj, apps.Deployment) else readiness(obj)

    async def work(client: Client) -> str:
        if not watch:
            return judge(await client.get(target.kind.message, namespace, target.name)).message
        with Progress() as progress:
            return await wait_ready(client, namespace, target, judge, progress, timeout)

    click.echo(invocation.run(work))
