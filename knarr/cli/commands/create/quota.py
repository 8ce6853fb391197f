"""knarr create quota."""

import click

from knarr.cli.creating import create, new
from knarr.cli.decisions.generating import quota
from knarr.cli.decisions.marks import parse_marks
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.writing import Writing, writes


@knarr_command("quota", short_help="A resource quota")
@click.argument("name")
@click.option("--hard", default="", metavar="pods=10,cpu=4,…", help="What the namespace may have at most.")
@click.option("--scopes", default="", metavar="SCOPE,…", help="Which pods count, for example BestEffort.")
@writes("knarr-create")
def command(invocation: Invocation, name: str, hard: str, scopes: str, writing: Writing) -> None:
    """Create a resource quota: what a namespace may have at most.

    \b
      knarr create quota small --hard=pods=10,requests.cpu=4,requests.memory=8Gi
    """
    amounts = parse_marks([part for part in hard.split(",") if part]).set
    made = quota(name, amounts, [scope for scope in scopes.split(",") if scope])
    create(invocation, [new(made, invocation)], writing)
