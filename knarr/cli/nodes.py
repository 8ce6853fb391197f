"""Nodes as cordon, uncordon, drain and taint choose and mark them."""

import json
from collections.abc import Sequence

from knarr.api.kinds import NODE
from knarr.cli.failure import USAGE, Failure
from knarr.cli.resources import Target
from knarr.cli.writing import Writing
from knarr.client import Client, reference
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire


def check_choice(names: Sequence[str], labels: str) -> None:
    """Nodes are named or selected; raises Failure."""
    if bool(names) == bool(labels):
        raise Failure("name the nodes, or select them with -l", USAGE)
    if "" in names:
        raise Failure("a name is empty; is a variable of the shell unset?", USAGE)


async def chosen(client: Client, names: Sequence[str], labels: str) -> list[core.Node]:
    """The nodes that are named ("a" or "node/a"), or that the selector matches; raises NotFound."""
    if labels:
        return (await client.list(core.Node, labels=labels)).items
    return [await client.get(core.Node, "", name.rpartition("/")[2]) for name in names]


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
        request = wire.PatchRequest(
            reference=reference(NODE, "", target.name),
            type=wire.PatchRequest.MERGE,
            patch=json.dumps({"spec": {"unschedulable": unschedulable or None}}).encode(),
            options=writing.options(),
        )
        writing.tell(target, word, await client.send(request))
