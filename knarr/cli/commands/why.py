"""knarr why: why something does not run, in plain words, and what would help."""

import asyncio
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from knarr.api.kinds import POD
from knarr.cli.complete import complete_names_of, complete_targets
from knarr.cli.decisions.why_text import log_title, why_lines
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.messages import print_message
from knarr.cli.resources import Target, parse_one
from knarr.client import Client
from knarr.client.references import reference
from knarr.clock import SystemClock
from knarr.errors import ApiError
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services import pod_service_pb2 as pod_wire

LOG_LINES = 10
LOG_TIMEOUT_S = 5.0


def complete_pods_and_targets(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Pods, and kinds with names of them."""
    pods = complete_names_of(POD)(ctx, param, incomplete)
    return [*pods, *complete_targets(ctx, param, incomplete)]


@knarr_command("why", short_help="Say why something does not run, and what would help")
@click.argument(
    "names", nargs=-1, required=True, metavar="POD | KIND/NAME", shell_complete=complete_pods_and_targets
)
@click.option("--output", "-o", type=click.Choice(["json", "yaml"]), help="The whole answer.")
def command(invocation: Invocation, names: Sequence[str], output: str | None) -> None:
    """Say why something does not run: per node what refused it, and changes that help, each of them tried; or
    the crash's exit code, log and probe result.

    \b
      knarr why web-7d9c4b5f6-x2x7q
      knarr why deployment/web
    """
    alone = len(names) == 1 and "/" not in names[0]
    target = Target(POD, names[0]) if alone else parse_one(names)
    namespace = invocation.namespace_or_default()

    async def work(client: Client) -> None:
        answer = await client.why(reference(target.kind, namespace, target.name))
        if output:
            print_message(answer, output)
            return
        click.echo("\n".join(why_lines(answer, SystemClock().now())))
        await _print_logs(client, answer)

    invocation.run(work)


async def _print_logs(client: Client, answer: wire.WhyResponse) -> None:
    """The end of the log of each container whose log says more; a log that cannot be had is left out."""
    of = answer.worst if answer.HasField("worst") else answer
    if of.HasField("worst"):  # the pod of a cron job's job
        of = of.worst
    for container in of.containers:
        if container.log == wire.ContainerTrouble.NONE:
            continue
        request = pod_wire.LogsRequest(
            namespace=of.reference.namespace,
            name=of.reference.name,
            container=container.name,
            previous=container.log == wire.ContainerTrouble.PREVIOUS,
            tail_lines=LOG_LINES,
        )
        lines = await _log(client, request)
        if lines:
            click.echo("\n".join(["", log_title(container), *(f"  {line}" for line in lines)]))


async def _log(client: Client, request: pod_wire.LogsRequest) -> list[str]:
    data = b""
    try:
        async with asyncio.timeout(LOG_TIMEOUT_S):
            async for chunk in client.logs(request):
                data += chunk
    except (ApiError, TimeoutError):
        return []
    return data.decode(errors="replace").splitlines()
