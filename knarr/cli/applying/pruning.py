"""Deletes what was applied before and is in the files no longer."""

from collections.abc import Sequence

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.cli.applying.items import Item
from knarr.cli.choosing import Named, every
from knarr.cli.decisions.pruning import Key, superfluous
from knarr.cli.resources import Target
from knarr.cli.writing import Writing
from knarr.client import Client, metadata_of, reference
from knarr.errors import NotFound
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire


async def to_prune(
    client: Client, items: Sequence[Item], allowed: Sequence[Kind], labels: str, manager: str
) -> list[Message]:
    """The objects with these labels that this manager applied and that no item names."""
    namespaces = sorted({item.namespace for item in items if item.target.kind.namespaced})
    kept = {Key(item.target.kind.name, item.namespace, item.target.name) for item in items}
    live: list[Message] = []
    for kind in allowed:
        for namespace in namespaces if kind.namespaced else [""]:
            live += [obj async for obj in every(client, Named(namespace, Target(kind)), labels, "")]
    return superfluous(live, kept, manager)


async def prune(client: Client, objects: Sequence[Message], writing: Writing) -> None:
    """Delete exactly these objects, not others that have their names since."""
    for obj in objects:
        kind, metadata = kinds.of(obj), metadata_of(obj)
        options = meta.DeleteOptions(propagationPolicy="Background")
        options.preconditions.uid = metadata.uid
        request = wire.DeleteRequest(
            reference=reference(kind, metadata.namespace, metadata.name),
            options=options,
            dry_run=writing.options().dry_run,
        )
        try:
            answer = await client.send(request)
        except NotFound:
            continue
        writing.tell(Target(kind, metadata.name), "pruned", answer)
