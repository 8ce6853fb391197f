"""knarr cordon and uncordon: whether new pods may come to a node."""

import json
from collections.abc import Sequence

import click

from knarr.api.kinds import NODE
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.resources import Target
from knarr.client import Client
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("cordon", short_help="Keep new pods off nodes")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE…")
def command(invocation: Invocation, nodes: Sequence[str]) -> None:
    """Keep new pods off nodes; those that run there stay."""
    invocation.run(lambda client: _set(client, nodes, unschedulable=True))


@knarr_command("uncordon", short_help="Let new pods onto nodes again")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE…")
def uncordon(invocation: Invocation, nodes: Sequence[str]) -> None:
    """Let new pods onto nodes again."""
    invocation.run(lambda client: _set(client, nodes, unschedulable=False))


async def _set(client: Client, nodes: Sequence[str], *, unschedulable: bool) -> None:
    word = "cordoned" if unschedulable else "uncordoned"
    for name in nodes:
        name = name.removeprefix("node/")
        target = Target(NODE, name)
        node = await client.get(core.Node, "", name)
        if node.spec.unschedulable == unschedulable:
            click.echo(f"{target} already {word}")
            continue
        patch = json.dumps({"spec": {"unschedulable": unschedulable or None}}).encode()
        await client.patch(core.Node, "", name, patch, wire.PatchRequest.MERGE)
        click.echo(f"{target} {word}")
