"""Nodes as cordon, uncordon, drain and taint choose and mark them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from knarr.api.kinds import NODE
from knarr.cli.complete import complete_names_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.patching import patch_request
from knarr.cli.resources import Target
from knarr.cli.writing import Writing
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core


@dataclass(frozen=True, slots=True)
class Choice:
    """Which nodes a command is about: those of some names ("a" or "node/a"), or those with some labels."""

    names: tuple[str, ...]
    labels: str


def choice_of(names: Sequence[str], labels: str) -> Choice:
    """Nodes are named or selected; raises Failure."""
    if bool(names) == bool(labels):
        raise Failure("name the nodes, or select them with -l", USAGE)
    if "" in names:
        raise Failure("a name is empty; is a variable of the shell unset?", USAGE)
    return Choice(tuple(names), labels)


def chooses_nodes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the arguments that name or select nodes, and hands them on as `choice`."""

    @functools.wraps(function)
    def invoke(*arguments: Any, nodes: Sequence[str], selector: str, **options: Any) -> Any:
        return function(*arguments, choice=choice_of(nodes, selector), **options)

    return _NAMES(_SELECTOR(invoke))


_NAMES = click.argument("nodes", nargs=-1, metavar="NODE…", shell_complete=complete_names_of(NODE))
_SELECTOR = click.option(
    "--selector", "-l", default="", metavar="SELECTOR", help="All nodes with these labels."
)


async def chosen(client: Client, choice: Choice) -> list[core.Node]:
    """The nodes that are named, or that the selector matches; raises NotFound."""
    if choice.labels:
        return (await client.list(core.Node, labels=choice.labels)).items
    return [await client.get(core.Node, "", name.rpartition("/")[2]) for name in choice.names]


def cordon(invocation: Invocation, choice: Choice, writing: Writing, *, unschedulable: bool) -> None:
    """What cordon and uncordon do."""

    async def work(client: Client) -> None:
        await set_unschedulable(client, await chosen(client, choice), writing, unschedulable=unschedulable)

    invocation.run(work)


async def set_unschedulable(
    client: Client, nodes: Sequence[core.Node], writing: Writing, *, unschedulable: bool
) -> None:
    """Say of each node whether new pods may come to it; write it where it is not so yet."""
    word = "cordoned" if unschedulable else "uncordoned"
    for node in nodes:
        target = Target(NODE, node.metadata.name)
        if node.spec.unschedulable == unschedulable:
            writing.tell(target, f"already {word}")
            continue
        patch = {"spec": {"unschedulable": unschedulable or None}}
        writing.tell(target, word, await client.send(patch_request(target, "", patch, writing)))
