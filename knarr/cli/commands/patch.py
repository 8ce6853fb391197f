"""knarr patch: change fields of objects by a patch."""

from pathlib import Path
from typing import Any

import click

from knarr.api.errors import ManifestError
from knarr.api.yaml_values import read_documents
from knarr.cli.choosing import Wanted, chooses, find, named_or_selected
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_request, send_each
from knarr.cli.writing import Writing, writes
from knarr.client import Client
from knarr.proto.services import object_service_pb2 as wire

TYPES = {
    "strategic": wire.PatchRequest.STRATEGIC,
    "merge": wire.PatchRequest.MERGE,
    "json": wire.PatchRequest.JSON,
}


@knarr_command("patch", short_help="Change fields by a patch")
@chooses()
@click.option("--patch", "-p", "text", metavar="YAML|JSON", help="The patch.")
@click.option("--patch-file", metavar="FILE", help="A file with the patch.")
@click.option("--type", "how", type=click.Choice(list(TYPES)), default="strategic", show_default=True)
@click.option("--subresource", default="", metavar="status|scale", help="Patch this part.")
@writes("knarr-patch")
def command(
    invocation: Invocation,
    wanted: Wanted,
    text: str | None,
    patch_file: str | None,
    how: str,
    subresource: str,
    writing: Writing,
) -> None:
    """Change fields of objects: a strategic merge patch (lists with keys are merged), a JSON merge patch
    (lists are replaced), or a JSON patch (a list of operations).

    \b
      knarr patch deploy web -p '{spec: {replicas: 3}}'
      knarr patch node node-1 --type=merge -p '{"metadata":{"labels":{"rack":"a"}}}'
      knarr patch cm web --type=json -p '[{op: remove, path: /data/old}]'
    """
    patch = _read(text, patch_file, how)
    which = named_or_selected(wanted, invocation)

    async def work(client: Client) -> None:
        found = await find(client, wanted, which)
        await send_each(
            client,
            found,
            lambda each: patch_request(each.target, each.namespace, patch, writing, TYPES[how], subresource),
            writing,
            lambda _, answer: "patched (no change)" if answer.outcome == wire.UNCHANGED else "patched",
        )

    invocation.run(work)


def _read(text: str | None, file: str | None, how: str) -> Any:
    """The patch as plain values; raises Failure."""
    if (text is None) == (file is None):
        raise Failure("give the patch by -p or by --patch-file", USAGE)
    try:
        read = text if text is not None else Path(file or "").read_text()
        values = [document.value for document in read_documents(read, file or "-p")]
    except (ManifestError, OSError, UnicodeDecodeError) as error:
        raise Failure(f"the patch cannot be read: {error}", USAGE) from error
    value = values[0] if len(values) == 1 else None
    if not isinstance(value, list if how == "json" else dict):
        expected = "a list of operations" if how == "json" else "an object"
        raise Failure(f"the patch is not {expected}, as --type={how} takes it", USAGE)
    return value
