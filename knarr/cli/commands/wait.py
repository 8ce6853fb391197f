"""knarr wait: until objects have come to a condition, are gone, or are there."""

import asyncio
from collections.abc import Sequence

import click
from google.protobuf.message import Message

from knarr.cli.choosing import Named, Wanted, chooses, find, named_or_selected
from knarr.cli.decisions.awaiting import FORMS, Goal, parse_goal
from knarr.cli.failure import FAILED, TIMED_OUT, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.resources import Target
from knarr.client import Client, metadata_of
from knarr.errors import NotFound

WEEK_S = 7 * 86_400.0


@knarr_command("wait", short_help="Wait until objects have come to a condition")
@chooses()
@click.option("--for", "goal", required=True, metavar="GOAL", help=f"One of {FORMS}.")
@click.option(
    "--timeout",
    type=DURATION,
    default="30s",
    show_default=True,
    help="How long; 0: look once; negative: a week.",
)
def command(invocation: Invocation, wanted: Wanted, goal: str, timeout: float) -> None:
    """Wait until all objects that are named, selected or in files have come to something. Ends with 3 when
    the time is over.

    \b
      knarr wait pod/web-1 --for=condition=Ready
      knarr wait deploy -l app=web --for=condition=Available --timeout=2m
      knarr wait pod/web-1 --for=delete
      knarr wait job/once --for=jsonpath='{.status.succeeded}'=1
    """
    awaited = parse_goal(goal)
    which = named_or_selected(wanted, invocation)
    timeout_s = timeout if timeout >= 0 else WEEK_S
    invocation.run(lambda client: _work(client, wanted, which, awaited, timeout_s))


async def _work(client: Client, wanted: Wanted, which: Sequence[Named], goal: Goal, timeout_s: float) -> None:
    last = ""
    try:
        async with asyncio.timeout(timeout_s or None):
            for namespace, target in await _targets(client, wanted, which, goal):
                last = str(target)
                await _reach(client, namespace, target, goal, look_once=not timeout_s)
                click.echo(f"{target} condition met")
    except TimeoutError as error:
        raise Failure(
            f"timed out after {timeout_s:g} s waiting for {goal.text} of {last}", TIMED_OUT
        ) from error


async def _targets(
    client: Client, wanted: Wanted, which: Sequence[Named], goal: Goal
) -> list[tuple[str, Target]]:
    """What to wait for, by name; raises Failure when nothing matches that could come to a condition."""
    found: list[tuple[str, Target]] = []
    for each in which:
        if each.target.name:
            found.append((each.namespace, each.target))
            continue
        if goal.creation:
            raise Failure("--for=create waits for names, not for what a selector matches")
        found += [(one.namespace, one.target) for one in await find(client, wanted, [each])]
    if not found and not goal.deletion:
        raise Failure("no such objects", FAILED)
    return found


async def _reach(client: Client, namespace: str, target: Target, goal: Goal, *, look_once: bool) -> None:
    uid = ""

    def check(obj: Message | None) -> bool:
        nonlocal uid
        if obj is None and not (goal.deletion or goal.creation):
            raise NotFound(f"{target} does not exist, or was deleted")
        if obj is not None and goal.deletion:
            own = metadata_of(obj).uid
            another = bool(uid) and own != uid  # has taken the name since
            uid = uid or own
            return another
        met = goal.met(obj)
        if look_once and not met:
            raise Failure(f"{target} has not come to {goal.text}", TIMED_OUT)
        return met

    await client.wait_for(target.kind.message, namespace, target.name, check)
