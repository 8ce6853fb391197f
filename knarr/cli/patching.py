"""Objects patched one by one, and what is told of each."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from knarr.cli.choosing import Found, Named, Wanted, find
from knarr.cli.resources import Target
from knarr.cli.writing import Writing
from knarr.client import Client, reference
from knarr.proto.services import object_service_pb2 as wire


def patch_request(
    target: Target,
    namespace: str,
    patch: Any,
    writing: Writing,
    type_: "wire.PatchRequest.Type.ValueType" = wire.PatchRequest.MERGE,
    subresource: str = "",
) -> wire.PatchRequest:
    """The request for a patch of plain values."""
    return wire.PatchRequest(
        reference=reference(target.kind, namespace, target.name),
        type=type_,
        patch=json.dumps(patch).encode(),
        options=writing.options(),
        subresource=subresource,
    )


async def send_each(
    client: Client,
    found: Sequence[Found],
    request_of: Callable[[Found], wire.PatchRequest],
    writing: Writing,
    verb_of: Callable[[Found, wire.ObjectResponse], str],
) -> None:
    """Make every request before the first is sent, send them and tell of each what was done."""
    requests = [request_of(each) for each in found]
    answers = []
    for each, request in zip(found, requests, strict=True):
        answer = await client.send(request)
        writing.tell(each.target, verb_of(each, answer), answer)
        answers.append(answer)
    writing.show([each.target.kind for each in found], answers)


async def patch_each(
    client: Client,
    wanted: Wanted,
    which: Sequence[Named],
    patch_of: Callable[[Found], Mapping[str, Any]],
    writing: Writing,
    verb: str,
) -> None:
    """Find the objects and patch them (strategic); told of each is `verb`, or that it was so already."""
    found = await find(client, wanted, which)
    if not found:
        click.echo("No resources found.", err=True)

    def request_of(each: Found) -> wire.PatchRequest:
        patch = patch_of(each)
        return patch_request(each.target, each.namespace, patch, writing, wire.PatchRequest.STRATEGIC)

    def verb_of(each: Found, answer: wire.ObjectResponse) -> str:
        return "unchanged" if answer.outcome == wire.UNCHANGED else verb

    await send_each(client, found, request_of, writing, verb_of)
