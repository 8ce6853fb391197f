"""knarr explain: what a field of a kind is, from the server's own tables."""

import click

from knarr.cli.complete import complete_fields
from knarr.cli.decisions.explaining import explained
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.resources import find_kind


@knarr_command("explain", short_help="Say what a field of a kind is")
@click.argument("field", metavar="KIND[.FIELD…]", shell_complete=complete_fields)
@click.option("--recursive", is_flag=True, help="All fields below it, by name and type.")
def command(invocation: Invocation, field: str, recursive: bool) -> None:
    """Say what a field of a kind is: its type, default and rules, and what Knarr does with it.

    \b
      knarr explain deployment
      knarr explain pod.spec.containers.livenessProbe
      knarr explain sts.spec --recursive
    """
    alias, _, path = field.partition(".")
    kind = find_kind(alias)
    found = invocation.run(lambda client: client.explain(kind, path, recursive=recursive))
    click.echo("\n".join(explained(kind, found, recursive=recursive)))
