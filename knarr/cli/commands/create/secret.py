"""knarr create secret generic."""

from collections.abc import Sequence

import click

from knarr.cli.arguments import KnarrGroup
from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import secret
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.keyed_data import keyed_data, keyed_options
from knarr.cli.writing import Writing, writes


@click.group("secret", cls=KnarrGroup, short_help="A secret")
def command() -> None:
    """Create a secret."""


@knarr_command("generic", short_help="From texts and files")
@click.argument("name")
@keyed_options
@click.option("--type", "kind", default="Opaque", show_default=True, help="What the secret is for.")
@writes("knarr-create")
def generic(
    invocation: Invocation,
    name: str,
    literals: Sequence[str],
    data_files: Sequence[str],
    env_files: Sequence[str],
    kind: str,
    writing: Writing,
) -> None:
    """Create a secret from texts, files, folders and files of variables.

    \b
      knarr create secret generic db --from-literal=password=changeit
      knarr create secret generic tls --from-file=tls.crt --from-file=tls.key --type=kubernetes.io/tls
    """
    made = secret(name, keyed_data(literals, data_files, env_files), kind)
    create(invocation, [new(made, invocation)], writing)


command.add_command(generic)
