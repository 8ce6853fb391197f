"""knarr taint: marks of nodes that keep pods off which do not tolerate them."""

from collections.abc import Sequence

import click

from knarr.api.codec import to_dict
from knarr.api.kinds import NODE
from knarr.cli.complete import complete_targets
from knarr.cli.decisions.taints import Change, parse_changes, tainted
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.nodes import choice_of, chosen
from knarr.cli.patching import patch_request
from knarr.cli.resources import Target, find_kind
from knarr.cli.writing import DRY_RUN, Writing
from knarr.client import Client
from knarr.errors import Conflict
from knarr.proto.kubernetes import core_v1_pb2 as core

TRIES = 5  # when others write the node at the same time


@knarr_command("taint", short_help="Keep pods off nodes that do not tolerate a mark")
@click.argument("arguments", nargs=-1, metavar="nodes NODE… TAINT…", shell_complete=complete_targets)
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="All nodes with these labels.")
@click.option("--all", "everything", is_flag=True, help="All nodes.")
@click.option("--overwrite", is_flag=True, help="Replace values that are there.")
@DRY_RUN
def command(
    invocation: Invocation,
    arguments: Sequence[str],
    selector: str,
    everything: bool,
    overwrite: bool,
    dry_run: str,
) -> None:
    """Set taints (KEY=VALUE:EFFECT) of nodes, or remove them (KEY:EFFECT- or KEY-). The effect is NoSchedule,
    PreferNoSchedule or NoExecute.

    \b
      knarr taint nodes node-1 gpu=yes:NoSchedule
      knarr taint nodes -l rack=a maintenance:NoExecute
      knarr taint nodes node-1 gpu-
    """
    names, texts = _split(arguments)
    changes = parse_changes(texts)
    if not changes:
        raise Failure("say which taint: KEY=VALUE:EFFECT to set, KEY- to remove", USAGE)
    choice = None if everything else choice_of(names, selector)
    writing = Writing("knarr-taint", dry_run)

    async def work(client: Client) -> None:
        found = (await client.list(core.Node)).items if choice is None else await chosen(client, choice)
        for node in found:
            await _taint(client, node, changes, writing, overwrite=overwrite)

    invocation.run(work)


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of nodes, and taints; raises Failure unless they are of nodes."""
    first, *rest = arguments or [""]
    if "/" in first and "=" not in first and find_kind(first.partition("/")[0]) is NODE:
        rest = list(arguments)  # node/NAME TAINT…
    elif not first or find_kind(first) is not NODE:
        raise Failure("only nodes have taints: knarr taint nodes NODE… TAINT…", USAGE)
    names = [each for each in rest if not _is_taint(each)]
    return names, [each for each in rest if _is_taint(each)]


def _is_taint(argument: str) -> bool:
    return "=" in argument or ":" in argument or argument.endswith("-")


async def _taint(
    client: Client, node: core.Node, changes: Sequence[Change], writing: Writing, *, overwrite: bool
) -> None:
    target = Target(NODE, node.metadata.name)
    verb = "untainted" if all(change.removes for change in changes) else "tainted"
    for left in reversed(range(TRIES)):
        taints = tainted(node.spec.taints, changes, overwrite=overwrite, where=str(target))
        if taints == list(node.spec.taints):
            writing.tell(target, f"already {verb}")
            return
        patch = {
            "metadata": {"resourceVersion": node.metadata.resourceVersion},
            "spec": {"taints": [to_dict(taint) for taint in taints] or None},
        }
        try:
            writing.tell(target, verb, await client.send(patch_request(target, "", patch, writing)))
            return
        except Conflict:
            if not left:
                raise
            node = await client.get(core.Node, "", target.name)
