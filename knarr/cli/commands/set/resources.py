"""knarr set resources: what containers ask for and may use."""

from collections.abc import Mapping
from typing import Any

import click

from knarr.cli.choosing import Found, Wanted, chooses, named_or_selected
from knarr.cli.decisions.marks import parse_marks
from knarr.cli.decisions.templates import by_list, meant, patch_of, pod_spec
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.patching import patch_each
from knarr.cli.writing import Writing, writes


@knarr_command("resources", short_help="Change requests and limits")
@chooses()
@click.option(
    "--containers", "-c", default="*", show_default=True, metavar="NAME", help="Of these, * for any."
)
@click.option("--requests", default="", metavar="cpu=…,memory=…", help="What the scheduler keeps for each.")
@click.option("--limits", default="", metavar="cpu=…,memory=…", help="What each may use at most.")
@writes("knarr-set")
def command(
    invocation: Invocation, wanted: Wanted, containers: str, requests: str, limits: str, writing: Writing
) -> None:
    """Change what containers ask for and may use; NAME- removes an amount.

    \b
      knarr set resources deploy/web --requests=cpu=100m,memory=64Mi --limits=memory=128Mi
      knarr set resources deploy/web -c main --limits=cpu-
    """
    change = {
        field: parse_marks([part for part in text.split(",") if part]).patch()
        for field, text in (("requests", requests), ("limits", limits))
        if text
    }
    if not change:
        raise Failure("say what to change: --requests or --limits", USAGE)
    which = named_or_selected(wanted, invocation)

    def patch(found: Found) -> Mapping[str, Any]:
        spec = pod_spec(found.obj)
        chosen = meant(spec, containers.split(","), str(found.target))
        changes = {container.name: {"resources": change} for container in chosen}
        return patch_of(found.target.kind, by_list(spec, changes))

    verb = "resource requirements updated"
    invocation.run(lambda client: patch_each(client, wanted, which, patch, writing, verb))
