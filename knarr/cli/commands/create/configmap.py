"""knarr create configmap."""

from collections.abc import Sequence

import click

from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import config_map
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.keyed_data import keyed_data, keyed_options
from knarr.cli.writing import Writing, writes


@knarr_command("configmap", short_help="A config map")
@click.argument("name")
@keyed_options
@writes("knarr-create")
def command(
    invocation: Invocation,
    name: str,
    literals: Sequence[str],
    data_files: Sequence[str],
    env_files: Sequence[str],
    writing: Writing,
) -> None:
    """Create a config map from texts, files, folders and files of variables.

    \b
      knarr create configmap web --from-literal=level=debug --from-file=nginx.conf
      knarr create configmap web --from-file=site=index.html --from-env-file=.env
    """
    made = config_map(name, keyed_data(literals, data_files, env_files))
    create(invocation, [new(made, invocation)], writing)
