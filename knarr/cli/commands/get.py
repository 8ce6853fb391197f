"""knarr get: objects as tables, YAML, JSON, names or by JSONPath; once or as they change."""

from collections.abc import Sequence
from typing import Any

import click

from knarr.cli.choosing import Wanted, chooses, named
from knarr.cli.complete import complete_formats
from knarr.cli.failure import USAGE, Failure
from knarr.cli.getting.query import Query
from knarr.cli.getting.showing import show
from knarr.cli.getting.watching import watch as go_on_showing
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.output import CHOICE, parse_format
from knarr.cli.tables import TablePrinter


@knarr_command("get", short_help="Show objects")
@chooses(everything=False)
@click.option("--output", "-o", metavar="FORMAT", help=CHOICE, shell_complete=complete_formats)
@click.option("--watch", "-w", is_flag=True, help="Go on printing changes.")
@click.option("--watch-only", is_flag=True, help="Print changes only.")
@click.option("--output-watch-events", is_flag=True, help="With -w: what became of each object.")
@click.option("--sort-by", default="", metavar="JSONPATH", help="For example .metadata.creationTimestamp")
@click.option("--show-labels", is_flag=True, help="Add a column with all labels.")
@click.option("--show-kind", is_flag=True, help="Put the kind before each name.")
@click.option("--label-columns", "-L", multiple=True, metavar="LABEL", help="Add a column with this label.")
@click.option("--no-headers", is_flag=True, help="Leave out the header line.")
@click.option("--ignore-not-found", is_flag=True, help="Succeed when there is no such object.")
@click.option(
    "--chunk-size",
    type=click.IntRange(min=0),
    default=500,
    show_default=True,
    help="Objects asked for at a time; 0: all.",
)
@click.option("--show-managed-fields", is_flag=True, help="With -o yaml or json: who owns which field, too.")
def command(
    invocation: Invocation,
    wanted: Wanted,
    output: str | None,
    watch: bool,
    watch_only: bool,
    output_watch_events: bool,
    show_managed_fields: bool,
    sort_by: str,
    ignore_not_found: bool,
    chunk_size: int,
    **columns: Any,
) -> None:
    """Show objects.

    \b
      knarr get pods -o wide
      knarr get deploy,rs -A
      knarr get pod/web-1 svc/web -o yaml
      knarr get pods -l app=web -w
      knarr get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image
    """
    query = Query(
        named(wanted, invocation),
        wanted,
        parse_format(output),
        "" if wanted.all_namespaces else invocation.namespace_or_default(),
        sort_by,
        ignore_not_found,
        chunk_size,
        show_managed_fields,
    )
    printer = _printer(query, **columns)
    if not (watch or watch_only):
        invocation.run(lambda client: show(client, query, printer))
        return
    if len(query.which) != 1 or sort_by:
        raise Failure("one kind, or one object, can be watched at a time, and nothing can be sorted", USAGE)
    events = output_watch_events
    invocation.run(lambda client: go_on_showing(client, query, printer, first=not watch_only, events=events))


def _printer(
    query: Query, *, show_labels: bool, show_kind: bool, label_columns: Sequence[str], no_headers: bool
) -> TablePrinter:
    return TablePrinter(
        wide=query.format.name == "wide",
        with_namespace=query.wanted.all_namespaces,
        with_labels=show_labels,
        with_kind=show_kind,
        headers=not no_headers,
        label_columns=tuple(label for text in label_columns for label in text.split(",")),
    )
