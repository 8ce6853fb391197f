"""knarr diff: what apply would change."""

from collections.abc import Sequence

import click

from knarr.api.codec import object_to_dict
from knarr.api.kinds import Kind, of
from knarr.cli.applying.items import NOTHING_DONE, Item, read, selected
from knarr.cli.applying.pruning import to_prune
from knarr.cli.applying.sending import Sender
from knarr.cli.decisions.differing import Pair, unified
from knarr.cli.decisions.pruning import allowed
from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import label_selector
from knarr.cli.resources import Target
from knarr.cli.writing import SERVER, Writing
from knarr.client import Client, metadata_of
from knarr.errors import NotFound

DIFFERENT = 1
TROUBLE = 2  # 1 says that there are differences
COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@knarr_command("diff", short_help="Show what apply would change")
@click.option("--filename", "-f", "files", multiple=True, required=True, metavar="FILE|DIR|URL|-")
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@click.option("--selector", "-l", "labels", default="", metavar="SELECTOR", help="Only with these labels.")
@click.option("--force-conflicts", is_flag=True, help="As if apply took fields that others own.")
@click.option("--field-manager", default="knarr-apply", show_default=True, metavar="NAME")
@click.option("--prune", "prunes", is_flag=True, help="With -l: show what --prune would delete, too.")
@click.option("--prune-allowlist", multiple=True, metavar="KIND", help="As of apply.")
def command(
    invocation: Invocation,
    files: Sequence[str],
    recursive: bool,
    labels: str,
    force_conflicts: bool,
    field_manager: str,
    prunes: bool,
    prune_allowlist: Sequence[str],
) -> None:
    """Show what apply would change, as the control plane works it out: live objects against applied ones.
    Ends with 0 when nothing would change, with 1 when something would, with more when it cannot be told.

    \b
      knarr diff -f web.yaml
      knarr diff -f manifests/ --prune -l app=web
    """
    if prunes and not labels:
        raise Failure("--prune needs -l SELECTOR: the labels that mark the whole set", USAGE)
    writing = Writing(field_manager, SERVER)
    try:
        items = read(documents(files, recursive=recursive), invocation)
        if labels:
            items = selected(items, label_selector(labels), whole=prunes)
        kinds = allowed(prune_allowlist) if prunes else ()

        async def work(client: Client) -> list[Pair]:
            pairs = await _pairs(client, items, writing, force=force_conflicts)
            return pairs + await _pruned(client, items, kinds, labels, field_manager)

        pairs = invocation.run(work)
    except Failure as error:
        message = error.message.removesuffix(f"\n{NOTHING_DONE}")
        raise Failure(message, TROUBLE if error.exit_code == FAILED else error.exit_code) from error
    lines = [line for pair in pairs for line in unified(pair)]
    for line in lines:
        colour = COLOURS.get(line[:1])
        click.echo(click.style(line, fg=colour) if colour else line)
    if lines:
        click.get_current_context().exit(DIFFERENT)


async def _pairs(client: Client, items: Sequence[Item], writing: Writing, *, force: bool) -> list[Pair]:
    answers = await Sender(client, items, writing, force=force).check()
    pairs = []
    for index, item in enumerate(items):
        live = await _live(client, item)
        message = item.target.kind.message
        answer = answers.get(index)
        # An object of a namespace that is not there yet is as the file says.
        merged = object_to_dict(message.FromString(answer.object)) if answer is not None else item.value
        pairs.append(Pair(str(item.target), item.namespace, live, merged))
    return pairs


async def _pruned(
    client: Client, items: Sequence[Item], kinds: Sequence[Kind], labels: str, manager: str
) -> list[Pair]:
    return [
        Pair(
            str(Target(of(obj), metadata_of(obj).name)), metadata_of(obj).namespace, object_to_dict(obj), None
        )
        for obj in await to_prune(client, items, kinds, labels, manager)
    ]


async def _live(client: Client, item: Item) -> dict[str, object] | None:
    try:
        return object_to_dict(await client.get(item.target.kind.message, item.namespace, item.target.name))
    except NotFound:
        return None
