"""knarr create serviceaccount."""

import click

from knarr.cli.creating import create, new
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta


@knarr_command("serviceaccount", short_help="A service account")
@click.argument("name")
@writes("knarr-create")
def command(invocation: Invocation, name: str, writing: Writing) -> None:
    """Create a service account.

    \b
      knarr create serviceaccount builder
    """
    create(invocation, [new(core.ServiceAccount(metadata=meta.ObjectMeta(name=name)), invocation)], writing)
