"""knarr apply: server-side apply of files; all are checked before the first is changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from knarr.api.kinds import Kind
from knarr.cli.applying.items import Item, read, selected
from knarr.cli.applying.pruning import prune, to_prune
from knarr.cli.applying.sending import Sender
from knarr.cli.decisions.pruning import allowed
from knarr.cli.failure import USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command, warn
from knarr.cli.options import DURATION, label_selector
from knarr.cli.progress import Progress
from knarr.cli.readiness import readiness
from knarr.cli.waiting import wait_ready
from knarr.cli.writing import NO, Writing, writes
from knarr.client import Client
from knarr.proto.services import object_service_pb2 as wire

FIELD_MANAGER = "knarr-apply"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is applied, and what goes with it."""

    items: Sequence[Item]
    writing: Writing
    force: bool
    labels: str
    prunable: Sequence[Kind]  # empty: nothing is pruned


@knarr_command("apply", short_help="Create or change objects as files say")
@click.option("--filename", "-f", "files", multiple=True, metavar="FILE|DIR|URL|-", help="What to apply.")
@click.option("--recursive", "-R", is_flag=True, help="Read folders below folders too.")
@click.option("--kustomize", "-k", hidden=True, help="Not built in.")
@click.option("--selector", "-l", "labels", default="", metavar="SELECTOR", help="Only with these labels.")
@click.option("--force-conflicts", "--force", is_flag=True, help="Take fields that others own.")
@click.option("--server-side/--no-server-side", default=True, hidden=True)
@click.option("--prune", "prunes", is_flag=True, help="With -l: delete what is in the files no longer.")
@click.option(
    "--prune-allowlist", multiple=True, metavar="KIND", help="Prune these kinds instead of the usual ones."
)
@click.option("--wait", is_flag=True, help="Wait until everything is ready.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long --wait waits.")
@writes(FIELD_MANAGER, validates=True)
def command(
    invocation: Invocation,
    files: Sequence[str],
    recursive: bool,
    kustomize: str | None,
    labels: str,
    force_conflicts: bool,
    server_side: bool,
    prunes: bool,
    prune_allowlist: Sequence[str],
    wait: bool,
    timeout: float,
    writing: Writing,
) -> None:
    """Create or change objects as files say: server-side apply, a line for each object.

    All documents are read and checked, by the control plane too, before the first is applied. With --prune,
    the files are all there is with the labels of -l: what this field manager has applied with them before,
    and the files have no longer, is deleted.

    \b
      knarr apply -f web.yaml --wait
      knarr apply -f manifests/ --dry-run
      knarr apply -f manifests/ --prune -l app=web
    """
    if kustomize:
        raise Failure("-k is not built in: `kustomize build DIR | knarr apply -f -`", USAGE)
    if not files:
        raise Failure("say what to apply: -f FILE|DIR|URL|-", USAGE)
    if not server_side:
        raise Failure("apply is always server-side here", USAGE)
    if prunes and not labels:
        raise Failure("--prune needs -l SELECTOR: the labels that mark the whole set", USAGE)
    found = documents(files, recursive=recursive)
    items = read(found, invocation, strict=writing.validation == wire.STRICT)
    if writing.validation == wire.WARN:
        _warn_of_unknown(items)
    if labels:
        items = selected(items, label_selector(labels), whole=prunes)
    plan = Plan(items, writing, force_conflicts, labels, allowed(prune_allowlist) if prunes else ())
    invocation.run(lambda client: _work(client, plan, timeout if wait else 0.0))


def _warn_of_unknown(items: Sequence[Item]) -> None:
    for item in items:
        for text in item.unknown:
            warn(f"{item.target}: {text}")


async def _work(client: Client, plan: Plan, wait_s: float) -> None:
    sender = Sender(client, plan.items, plan.writing, force=plan.force)
    await sender.check()
    done = await sender.apply()
    plan.writing.show([item.target.kind for item, _ in done], [answer for _, answer in done])
    if plan.prunable:
        gone = await to_prune(client, plan.items, plan.prunable, plan.labels, plan.writing.manager)
        await prune(client, gone, plan.writing)
    if wait_s and plan.writing.dry_run == NO:
        with Progress() as progress:
            for item in plan.items:
                message = await wait_ready(client, item.namespace, item.target, readiness, progress, wait_s)
                progress.done(f"{item.target}: {message}")
