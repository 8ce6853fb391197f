"""knarr describe: all that one needs to see of an object at once, events included."""

from collections.abc import Sequence

import click
from google.protobuf.message import Message

from knarr.cli.choosing import Found, Named, Wanted, chooses, every, named
from knarr.cli.commands.events import last_seen
from knarr.cli.describing import describe
from knarr.cli.describing.text import Text
from knarr.cli.failure import Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.related import related
from knarr.cli.resources import Target
from knarr.client import Client, metadata_of
from knarr.clock import SystemClock
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core

MAX_EVENTS = 30


@knarr_command("describe", short_help="Show everything about objects")
@chooses(everything=False)
@click.option("--show-events/--no-show-events", default=True, show_default=True, help="What happened, too.")
def command(invocation: Invocation, wanted: Wanted, show_events: bool) -> None:
    """Show everything about objects: what they shall be, what they are, and what happened. A name that there
    is not stands for all that begin with it.

    \b
      knarr describe pod web-1
      knarr describe deploy -l app=web
      knarr describe node
    """
    which = named(wanted, invocation)

    async def work(client: Client) -> list[str]:
        texts: list[str] = []
        for each in which:
            for found in await _found(client, wanted, each):
                now = SystemClock().now()
                text = describe(found.obj, await related(client, found.obj), now)
                texts.append(text + (await _events(client, found, now) if show_events else ""))
        return texts

    texts = invocation.run(work)
    if not texts:
        raise Failure("no such objects")
    click.echo("\n\n".join(texts), nl=False)


async def _found(client: Client, wanted: Wanted, each: Named) -> Sequence[Found]:
    """The object of that name; else those whose names begin so; raises NotFound."""
    missing: NotFound | None = None
    if each.target.name:
        try:
            obj = await client.get(each.target.kind.message, each.namespace, each.target.name)
            return [Found(each.namespace, each.target, obj)]
        except NotFound as error:
            missing = error
    listed = [obj async for obj in every(client, each, wanted.labels, wanted.fields)]
    found = [_named(each, obj) for obj in listed if metadata_of(obj).name.startswith(each.target.name)]
    if not found and missing is not None:
        raise missing
    return found


def _named(each: Named, obj: Message) -> Found:
    return Found(metadata_of(obj).namespace, Target(each.target.kind, metadata_of(obj).name), obj)


async def _events(client: Client, found: Found, now: float) -> str:
    fields = f"involvedObject.kind={found.target.kind.name},involvedObject.name={found.target.name}"
    events: Sequence[core.Event] = (await client.list(core.Event, found.namespace, fields=fields)).items
    text = Text(now)
    rows = [
        (
            event.type,
            event.reason,
            text.when(event.lastTimestamp) or text.when(event.metadata.creationTimestamp),
            event.message + (f" (x{event.count})" if event.count > 1 else ""),
        )
        for event in sorted(events, key=last_seen)[-MAX_EVENTS:]
    ]
    text.table("Events", ("TYPE", "REASON", "LAST SEEN", "MESSAGE"), rows)
    return text.finished()
