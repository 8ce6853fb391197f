"""knarr plan: what apply would do, or what the loss of nodes would; nothing is written."""

from collections.abc import Sequence

import click

from knarr.api.kinds import NODE
from knarr.cli.applying.items import read
from knarr.cli.commands.apply import FIELD_MANAGER
from knarr.cli.complete import complete_names_of
from knarr.cli.decisions.plan_text import failed, plan_lines
from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.messages import print_message
from knarr.client import Client
from knarr.client.references import reference
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("plan", short_help="Say what apply, or the loss of a node, would do")
@click.option("--filename", "-f", "files", multiple=True, metavar="FILE|DIR|URL|-", help="What to apply.")
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@click.option(
    "--without",
    multiple=True,
    metavar="NODE",
    help="As if this node were gone; repeatable.",
    shell_complete=complete_names_of(NODE),
)
@click.option("--force-conflicts", "--force", is_flag=True, help="Take fields that others own.")
@click.option("--exit-code", is_flag=True, help="End with 1 when the change would not end well.")
@click.option("--output", "-o", type=click.Choice(["json", "yaml"]), help="The whole plan.")
def command(
    invocation: Invocation,
    files: Sequence[str],
    recursive: bool,
    without: Sequence[str],
    force_conflicts: bool,
    exit_code: bool,
    output: str | None,
) -> None:
    """Say what apply would do: the differences, where each pod would go, what would be evicted, what would
    wait and why; or what would become of the pods of a node that goes. Nothing is written.

    \b
      knarr plan -f web.yaml
      knarr plan --without alpha
      knarr plan -f web.yaml --without alpha --without beta
    """
    if not files and not without:
        raise Failure("say what to plan: -f FILE|DIR|URL|-, or --without NODE", USAGE)
    items = read(documents(files, recursive=recursive), invocation) if files else []
    requests = [
        wire.ApplyRequest(
            reference=reference(item.target.kind, item.namespace, item.target.name),
            body=wire.Body(json=item.body()),
            options=wire.WriteOptions(field_manager=FIELD_MANAGER),
            force=force_conflicts,
        )
        for item in items
    ]

    async def work(client: Client) -> bool:
        answer = await client.plan(requests, without)
        if output:
            print_message(answer, output)
        else:
            click.echo("\n".join(plan_lines(answer)).strip("\n"))
        return any(one.HasField("refusal") for one in answer.objects) or (exit_code and failed(answer))

    if invocation.run(work):
        click.get_current_context().exit(FAILED)
