"""knarr delete: by name, by selector, or as files say."""

from collections.abc import Sequence

import click

from knarr.api.codec import kind_of_dict
from knarr.api.errors import DecodeError
from knarr.cli.failure import USAGE, Failure
from knarr.cli.files import documents
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.resources import Target, parse
from knarr.cli.waiting import wait_gone
from knarr.client import Client
from knarr.client.client import metadata_of
from knarr.errors import NotFound
from knarr.proto.kubernetes import meta_v1_pb2 as meta

Named = tuple[str, Target]  # namespace, target


@knarr_command("delete", short_help="Delete objects")
@click.argument("names", nargs=-1, metavar="KIND NAME… | KIND/NAME…")
@click.option("--filename", "-f", "files", multiple=True, metavar="FILE|DIR|-", help="What the files name.")
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="All with these labels.")
@click.option("--field-selector", default="", metavar="SELECTOR")
@click.option("--all", "everything", is_flag=True, help="All objects of the kind in the namespace.")
@click.option("--grace-period", type=int, help="Seconds that pods get to end.")
@click.option("--force", is_flag=True, help="With --grace-period=0: do not wait for the node.")
@click.option(
    "--cascade",
    type=click.Choice(["background", "foreground", "orphan"]),
    default="background",
    show_default=True,
    help="What becomes of dependents.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until they are gone.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long to wait.")
@click.option("--ignore-not-found", is_flag=True, help="Succeed when there is no such object.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted.")
def command(
    invocation: Invocation,
    names: Sequence[str],
    files: Sequence[str],
    selector: str,
    field_selector: str,
    everything: bool,
    grace_period: int | None,
    force: bool,
    cascade: str,
    wait: bool,
    timeout: float,
    ignore_not_found: bool,
    dry_run: bool,
) -> None:
    """Delete objects by name, by selector, or as files say."""
    namespace = invocation.namespace_or_default()
    targets = _from_files(files, namespace) + [
        (namespace, target) for target in (parse(names) if names else [])
    ]
    if not targets:
        raise Failure("say what to delete: KIND NAME, or -f FILE", USAGE)
    unnamed = any(not target.name for _, target in targets)
    if unnamed and not (selector or field_selector or everything):
        raise Failure("name the objects, or give -l SELECTOR or --all", USAGE)
    options = _options(grace_period, force, cascade)

    async def work(client: Client) -> None:
        named = await _resolve(client, targets, selector, field_selector)
        deleted: list[Named] = []
        for where, target in named:
            if await _delete(client, where, target, options, ignore_not_found, dry_run):
                deleted.append((where, target))
        if wait and not dry_run:
            for where, target in deleted:
                await wait_gone(client, where, target, timeout)

    invocation.run(work)


def _options(grace_period: int | None, force: bool, cascade: str) -> meta.DeleteOptions:
    options = meta.DeleteOptions(propagationPolicy=cascade.capitalize())
    if grace_period is not None:
        options.gracePeriodSeconds = grace_period
    if force:
        options.gracePeriodSeconds = 0
    return options


def _from_files(files: Sequence[str], namespace: str) -> list[Named]:
    found: list[Named] = []
    for document in documents(files, recursive=False):
        try:
            kind = kind_of_dict(document.value)
        except DecodeError as error:
            raise Failure(document.describe(error.problems[0])) from error
        metadata = document.value.get("metadata") or {}
        name = metadata.get("name")
        if not name:
            raise Failure(f"{document.file}:{document.line}: metadata.name: Required value")
        found.append((metadata.get("namespace") or namespace, Target(kind, name)))
    return found


async def _resolve(client: Client, targets: Sequence[Named], labels: str, fields: str) -> list[Named]:
    """Every target by name: kinds without one become the objects that the selectors match."""
    named: list[Named] = []
    for namespace, target in targets:
        if target.name:
            named.append((namespace, target))
            continue
        where = namespace if target.kind.namespaced else ""
        listed = await client.list(target.kind.message, where, labels=labels, fields=fields)
        named += [(namespace, Target(target.kind, metadata_of(obj).name)) for obj in listed.items]
    return named


async def _delete(
    client: Client,
    namespace: str,
    target: Target,
    options: meta.DeleteOptions,
    ignore_not_found: bool,
    dry_run: bool,
) -> bool:
    try:
        await client.delete(target.kind, namespace, target.name, options, dry_run=dry_run)
    except NotFound:
        if ignore_not_found:
            return False
        raise
    suffix = " (server dry run)" if dry_run else ""
    click.echo(f'{str(target).partition("/")[0]} "{target.name}" deleted{suffix}')
    return True
