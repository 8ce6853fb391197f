"""knarr replace: objects that are there become as files say, whole."""

import json
from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any

import click

from knarr.cli.choosing import from_files, kind_and_name, namespace_of
from knarr.cli.creating import New, create_all
from knarr.cli.decisions.deletion import delete_options
from knarr.cli.failure import USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.resources import Target
from knarr.cli.waiting import wait_gone
from knarr.cli.writing import NO, Writing, writes
from knarr.client import Client, metadata_of, reference
from knarr.errors import NotFound
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("replace", short_help="Make objects as files say, whole")
@click.option(
    "--filename", "-f", "files", multiple=True, metavar="FILE|DIR|URL|-", help="What they shall be."
)
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@click.option("--force", is_flag=True, help="Delete and create instead, for fields that cannot be changed.")
@click.option("--timeout", type=DURATION, default="1m", show_default=True, help="With --force: for the end.")
@writes("knarr-replace", validates=True)
def command(
    invocation: Invocation,
    files: Sequence[str],
    recursive: bool,
    force: bool,
    timeout: float,
    writing: Writing,
) -> None:
    """Make objects that are there as files say, whole: fields that are not in the file are unset. A file with
    metadata.resourceVersion replaces just that version.

    \b
      knarr replace -f web.yaml
      knarr get cm web -o yaml | sed s/debug/info/ | knarr replace -f -
      knarr replace --force -f job.yaml
    """
    if not files:
        raise Failure("say what to replace: -f FILE", USAGE)
    if force and writing.dry_run != NO:
        raise Failure("--force cannot be rehearsed: give either --force or --dry-run", USAGE)
    found = documents(files, recursive=recursive)
    from_files(found, invocation)  # that each has a name
    objects = []
    for document in found:
        kind, _ = kind_and_name(document)
        objects.append(New(kind, namespace_of(document, kind, invocation), document.value))
    if force:
        invocation.run(lambda client: _recreate(client, objects, writing, timeout))
    else:
        invocation.run(lambda client: _replace(client, objects, writing))


async def _replace(client: Client, objects: Sequence[New], writing: Writing) -> None:
    answers = []
    for each in objects:
        live = await client.get(each.kind.message, each.namespace, each.name)
        request = wire.UpdateRequest(
            reference=reference(each.kind, each.namespace, each.name),
            body=wire.Body(json=_body(each.value, metadata_of(live).resourceVersion)),
            options=writing.options(),
        )
        answer = await client.send(request)
        writing.tell(Target(each.kind, each.name), "replaced", answer)
        answers.append(answer)
    writing.show([each.kind for each in objects], answers)


def _body(value: dict[str, Any], version: str) -> bytes:
    """The object with a version: its own, else that which is there."""
    metadata = {"resourceVersion": version, **value["metadata"]}
    return json.dumps({**value, "metadata": metadata}).encode()


async def _recreate(client: Client, objects: Sequence[New], writing: Writing, timeout_s: float) -> None:
    """Delete every object, wait for its end, create it anew: never two of one name at a time."""
    for each in objects:
        target = Target(each.kind, each.name)
        try:
            live = await client.get(each.kind.message, each.namespace, each.name)
        except NotFound:
            continue
        uid = metadata_of(live).uid
        options = delete_options(grace_period=None, now=False, force=False, cascade="background", uid=uid)
        await client.delete(each.kind, each.namespace, each.name, options)
        await wait_gone(client, each.namespace, target, timeout_s, uid)
    fresh = [changed(each, value=_unversioned(each.value)) for each in objects]
    await create_all(client, fresh, writing, "replaced")


def _unversioned(value: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        key: value["metadata"][key] for key in value["metadata"] if key not in ("resourceVersion", "uid")
    }
    return {**value, "metadata": metadata}
