"""knarr create: objects that are not there yet, as files say or made from a few words."""

from collections.abc import Sequence

import click

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
from knarr.cli.writing import Writing, writes


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
    found = documents(files, recursive=recursive)
    objects = []
    for document in found:
        kind, _ = kind_and_name(document)
        objects.append(New(kind, namespace_of(document, kind, invocation), document.value))
    create(invocation, objects, writing)


for part in (configmap, cronjob, deployment, job, namespace, quota, secret, serviceaccount):
    command.add_command(part.command)
