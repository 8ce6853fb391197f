"""knarr delete: by name, by selector, or as files say."""

import asyncio
from dataclasses import dataclass

import click

from knarr.api.kinds import NAMESPACE
from knarr.cli.choosing import Found, Named, Wanted, chooses, find, named_or_selected
from knarr.cli.decisions.deletion import CASCADES, FORCED, delete_options
from knarr.cli.failure import FAILED, TIMED_OUT, USAGE, Failure, of_api_error
from knarr.cli.invocation import Invocation, knarr_command, warn
from knarr.cli.options import DURATION
from knarr.cli.waiting import wait_gone
from knarr.cli.writing import DRY_RUN, NO, SUFFIX
from knarr.client import Client, metadata_of, reference
from knarr.errors import NotFound
from knarr.proto.services import object_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class How:
    """What the options say."""

    grace_period: int | None
    now: bool
    force: bool
    cascade: str
    ignore_not_found: bool
    dry_run: str
    names_only: bool


@knarr_command("delete", short_help="Delete objects")
@chooses()
@click.option("--grace-period", type=int, help="Seconds that pods get to end.")
@click.option("--now", is_flag=True, help="One second of grace.")
@click.option("--force", is_flag=True, help="Do not wait for the node; the containers may go on running.")
@click.option(
    "--cascade",
    is_flag=False,
    flag_value="background",
    type=click.Choice(list(CASCADES)),
    default="background",
    show_default=True,
    metavar="background|foreground|orphan",
    help="What becomes of dependents.",
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until they are gone.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long to wait.")
@click.option("--ignore-not-found", is_flag=True, help="Succeed when there is no such object.")
@click.option("--output", "-o", type=click.Choice(["name"]), help="Print names only.")
@DRY_RUN
def command(
    invocation: Invocation,
    wanted: Wanted,
    grace_period: int | None,
    now: bool,
    force: bool,
    cascade: str,
    wait: bool,
    timeout: float,
    ignore_not_found: bool,
    output: str | None,
    dry_run: str,
) -> None:
    """Delete objects by name, by selector, or as files say.

    \b
      knarr delete pod web-1 --now
      knarr delete deploy,svc -l app=web
      knarr delete -f web.yaml
      knarr delete pods --all --dry-run
    """
    which = named_or_selected(wanted, invocation)
    if wanted.everything and wanted.labels:
        raise Failure("give either --all or -l", USAGE)
    how = How(grace_period, now, force, cascade, ignore_not_found, dry_run, output == "name")
    delete_options(grace_period=grace_period, now=now, force=force, cascade=cascade)  # that they agree
    if force:
        warn(FORCED)
    wait_s = timeout if wait and dry_run == NO else 0.0
    invocation.run(lambda client: _work(client, wanted, which, how, wait_s))


async def _work(client: Client, wanted: Wanted, which: list[Named], how: How, wait_s: float) -> None:
    which = sorted(which, key=lambda each: each.target.kind is NAMESPACE)  # not before what is in them
    missing: list[str] = []
    deleted: list[Found] = []
    for each in which:
        try:
            found = await find(client, wanted, [each])
        except NotFound as error:
            missing.append(of_api_error(error).message)
            continue
        for one in found:
            if await _delete(client, one, how):
                deleted.append(one)
    if not deleted and not missing and not wanted.files:
        click.echo("No resources found.", err=True)
    if wait_s:
        await _wait(client, deleted, wait_s)
    if missing and not how.ignore_not_found:
        raise Failure("\n".join(missing), FAILED)


async def _delete(client: Client, found: Found, how: How) -> bool:
    """Delete just this object, not another that has its name since."""
    target = found.target
    request = wire.DeleteRequest(
        reference=reference(target.kind, found.namespace, target.name),
        options=delete_options(
            grace_period=how.grace_period,
            now=how.now,
            force=how.force,
            cascade=how.cascade,
            uid=metadata_of(found.obj).uid,
        ),
        dry_run=how.dry_run != NO,
    )
    try:
        answer = await client.send(request)
    except NotFound:
        return False
    for warning in answer.warnings:
        warn(f"{target}: {warning}")
    kind, _, name = str(target).partition("/")
    click.echo(str(target) if how.names_only else f'{kind} "{name}" deleted{SUFFIX[how.dry_run]}')
    return True


async def _wait(client: Client, deleted: list[Found], timeout_s: float) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    for found in deleted:
        left_s = end_s - loop.time()
        if left_s <= 0:
            raise Failure(f"timed out after {timeout_s:g} s waiting for {found.target} to be gone", TIMED_OUT)
        await wait_gone(client, found.namespace, found.target, left_s, metadata_of(found.obj).uid)
