"""knarr create namespace."""

import click

from knarr.cli.creating import create, new
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta


@knarr_command("namespace", short_help="A namespace")
@click.argument("name")
@writes("knarr-create")
def command(invocation: Invocation, name: str, writing: Writing) -> None:
    """Create a namespace.

    \b
      knarr create namespace web
    """
    create(invocation, [new(core.Namespace(metadata=meta.ObjectMeta(name=name)), invocation)], writing)
