"""knarr describe: all that one needs to see of an object at once, events included."""

from collections.abc import Sequence

import click
from google.protobuf.message import Message

from knarr.api.selectors import from_message
from knarr.cli.commands.events import last_seen
from knarr.cli.describing import describe
from knarr.cli.describing.text import Text
from knarr.cli.failure import Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.resources import Target, parse
from knarr.client import Client
from knarr.client.client import metadata_of
from knarr.clock import SystemClock
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

MAX_EVENTS = 30


@knarr_command("describe", short_help="Show everything about objects")
@click.argument("names", nargs=-1, metavar="KIND [NAME…] | KIND/NAME…")
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="All with these labels.")
def command(invocation: Invocation, names: Sequence[str], selector: str) -> None:
    """Show everything about objects: what they shall be, what they are, and what happened."""
    targets = parse(names)
    namespace = invocation.namespace_or_default()

    async def work(client: Client) -> list[str]:
        texts: list[str] = []
        for target in targets:
            where = namespace if target.kind.namespaced else ""
            for obj in await _objects(client, where, target, selector):
                texts.append(await _describe(client, where, target, obj))
        return texts

    texts = invocation.run(work)
    if not texts:
        raise Failure("no such objects")
    click.echo("\n\n".join(texts), nl=False)


async def _objects(client: Client, namespace: str, target: Target, selector: str) -> Sequence[Message]:
    if target.name:
        return [await client.get(target.kind.message, namespace, target.name)]
    return (await client.list(target.kind.message, namespace, labels=selector)).items


async def _describe(client: Client, namespace: str, target: Target, obj: Message) -> str:
    now = SystemClock().now()
    text = describe(obj, await _related(client, namespace, obj), now)
    return text + await _events(client, namespace, target, obj, now)


async def _related(client: Client, namespace: str, obj: Message) -> Sequence[Message]:
    """The objects that belong to this one and are described with it."""
    match obj:
        case core.Node():
            fields = f"spec.nodeName={obj.metadata.name}"
            return (await client.list(core.Pod, "", fields=fields)).items
        case apps.Deployment() | apps.ReplicaSet():
            labels = str(from_message(obj.spec.selector))
            pods = await client.list(core.Pod, namespace, labels=labels)
            sets = await client.list(apps.ReplicaSet, namespace, labels=labels)
            return [*pods.items, *(found for found in sets.items if _owned(found, obj))]
        case _:
            return []


def _owned(found: apps.ReplicaSet, owner: Message) -> bool:
    uid = metadata_of(owner).uid
    return any(reference.uid == uid for reference in found.metadata.ownerReferences)


async def _events(client: Client, namespace: str, target: Target, obj: Message, now: float) -> str:
    fields = f"involvedObject.kind={target.kind.name},involvedObject.name={metadata_of(obj).name}"
    events = (await client.list(core.Event, namespace, fields=fields)).items
    events = sorted(events, key=last_seen)[-MAX_EVENTS:]
    text = Text(now)
    rows = [
        (
            event.type,
            event.reason,
            text.when(event.lastTimestamp) or text.when(event.metadata.creationTimestamp),
            event.message + (f" (x{event.count})" if event.count > 1 else ""),
        )
        for event in events
    ]
    text.table("Events", ("TYPE", "REASON", "LAST SEEN", "MESSAGE"), rows)
    return text.finished()
