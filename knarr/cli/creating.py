"""Creates objects: those of files and those made from a few words."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.codec import object_from_dict, object_to_dict
from knarr.api.kinds import Kind
from knarr.cli.invocation import Invocation
from knarr.cli.output import print_objects
from knarr.cli.resources import Target
from knarr.cli.writing import CLIENT, Writing
from knarr.client import Client, metadata_of, reference
from knarr.proto.services import object_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class New:
    """An object to create: as plain values, with or without its namespace."""

    kind: Kind
    namespace: str
    value: dict[str, Any]

    @property
    def name(self) -> str:
        metadata = self.value.get("metadata") or {}
        return str(metadata.get("name") or metadata.get("generateName") or "")


def new(obj: Message, invocation: Invocation) -> New:
    """A made object, in the namespace in use."""
    kind = kinds.of(obj)
    if kind.namespaced and invocation.namespace:
        metadata_of(obj).namespace = invocation.namespace
    namespace = "" if not kind.namespaced else invocation.namespace_or_default()
    return New(kind, namespace, object_to_dict(obj))


def create(invocation: Invocation, objects: Sequence[New], writing: Writing) -> None:
    """Create them in their order and tell of each; a dry run of the client asks nobody, and shows the
    objects as they would be sent."""
    if writing.dry_run == CLIENT:
        _show(objects, writing)
    else:
        invocation.run(lambda client: create_all(client, objects, writing))


async def create_all(client: Client, objects: Sequence[New], writing: Writing, verb: str = "created") -> None:
    """Create them in their order and tell of each."""
    answers = []
    for each in objects:
        request = wire.CreateRequest(
            reference=reference(each.kind, each.namespace),
            body=wire.Body(json=json.dumps(each.value).encode()),
            options=writing.options(),
        )
        answer = await client.send(request)
        writing.tell(Target(each.kind, answer.reference.name), verb, answer)
        answers.append(answer)
    writing.show([each.kind for each in objects], answers)


def _show(objects: Sequence[New], writing: Writing) -> None:
    targets = [Target(each.kind, each.name) for each in objects]
    if not writing.says_lines:
        messages = [object_from_dict(each.value).message for each in objects]
        print_objects(messages, targets, writing.format, as_list=len(objects) != 1)
    for target in targets:
        writing.tell(target, "created")
