"""Objects found and patched one by one, each by a patch made from what it is."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from knarr.cli.choosing import Found, Named, Wanted, find
from knarr.cli.writing import Writing
from knarr.client import Client, reference
from knarr.proto.services import object_service_pb2 as wire


async def patch_each(
    client: Client,
    wanted: Wanted,
    which: Sequence[Named],
    patch_of: Callable[[Found], Mapping[str, Any]],
    writing: Writing,
    verb: str,
) -> None:
    """Find the objects, make every patch (strategic) before the first is sent, send them and tell of each
    what was done: `verb`, or that it was so already."""
    found = await find(client, wanted, which)
    if not found:
        click.echo("No resources found.", err=True)
    patches = [patch_of(each) for each in found]
    answers = []
    for each, patch in zip(found, patches, strict=True):
        request = wire.PatchRequest(
            reference=reference(each.target.kind, each.namespace, each.target.name),
            type=wire.PatchRequest.STRATEGIC,
            patch=json.dumps(patch).encode(),
            options=writing.options(),
        )
        answer = await client.send(request)
        writing.tell(each.target, "unchanged" if answer.outcome == wire.UNCHANGED else verb, answer)
        answers.append(answer)
    writing.show([each.target.kind for each in found], answers)
