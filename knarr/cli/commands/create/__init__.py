"""knarr create: objects that are not there yet, as files say or made from a few words."""

from collections.abc import Sequence

import click

from knarr.api.errors import DecodeError
from knarr.api.manifest import Document
from knarr.cli.choosing import kind_and_name, namespace_of
from knarr.cli.commands.create import (
    configmap,
    cronjob,
    deployment,
    job,
    namespace,
    quota,
    secret,
    serviceaccount,
)
from knarr.cli.creating import New, create
from knarr.cli.failure import USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_group
from knarr.cli.writing import CLIENT, Writing, writes
from knarr.proto.services import object_service_pb2 as wire


@knarr_group("create", invoke_without_command=True, short_help="Create objects")
@click.option("--filename", "-f", "files", multiple=True, metavar="FILE|DIR|URL|-", help="What to create.")
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@writes("knarr-create", validates=True)
@click.pass_context
def command(
    context: click.Context, invocation: Invocation, files: Sequence[str], recursive: bool, writing: Writing
) -> None:
    """Create objects as files say, or one made from a few words. It fails where they are there already.

    \b
      knarr create -f job.yaml
      knarr create deployment web --image=nginx --dry-run=client -o yaml
    """
    if context.invoked_subcommand is not None:
        if files:
            raise Failure("give either -f FILE or the kind of object to make", USAGE)
        return
    if not files:
        raise Failure("say what to create: -f FILE, or a kind; `knarr create --help` lists them", USAGE)
    objects = []
    for document in documents(files, recursive=recursive):
        kind, _ = kind_and_name(document)
        if writing.dry_run == CLIENT:
            _check(document, strict=writing.validation == wire.STRICT)
        objects.append(New(kind, namespace_of(document, kind, invocation), document.value))
    create(invocation, objects, writing)


def _check(document: Document, *, strict: bool) -> None:
    """What the server would say of an object that does not fit its kind, where it is not asked; raises
    Failure."""
    try:
        decoded = document.decode()
        if strict:
            decoded.strict()
    except DecodeError as error:
        raise Failure("\n".join(document.describe(problem) for problem in error.problems)) from error


for part in (configmap, cronjob, deployment, job, namespace, quota, secret, serviceaccount):
    command.add_command(part.command)
