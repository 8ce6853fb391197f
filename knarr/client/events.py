"""Telling people what happened, as Event objects."""

import hashlib

from google.protobuf.message import Message

from knarr.api import kinds
from knarr.api.timestamps import timestamp
from knarr.client.references import metadata_of
from knarr.client.watching import Watching
from knarr.errors import AlreadyExists, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

CLUSTER_EVENTS = "default"  # the namespace of events about objects that have none
NAME_ROOM = 253 - 17


class Events(Watching):
    """Writes events."""

    async def record(self, about: Message, reason: str, message: str, *, type: str = "Normal") -> core.Event:
        """Say what happened to an object. `reason` is one word for programs (`Scaled`), `message` a sentence,
        `type` Normal or Warning. The same said again counts up the event that there is. Raises ApiError; a
        program that goes on without its events suppresses it."""
        event = self._event(about, reason, message, type)
        own = event.metadata

        def count(found: core.Event) -> None:
            found.count += 1
            found.lastTimestamp.CopyFrom(event.lastTimestamp)

        for last_try in (False, True):
            try:
                return await self.change(core.Event, own.namespace, own.name, count)
            except NotFound:
                pass
            try:
                return await self.create(event)
            except AlreadyExists:
                if last_try:
                    raise
        raise AssertionError("unreachable")

    def _event(self, about: Message, reason: str, message: str, type: str) -> core.Event:
        own, kind = metadata_of(about), kinds.of(about)
        said = "\0".join((kind.name, own.uid, self._field_manager, type, reason, message))
        # Event objects are told apart by their names: the same words about the same object have the same one.
        suffix = hashlib.sha256(said.encode()).hexdigest()[:16]
        namespace = own.namespace or CLUSTER_EVENTS
        name = f"{own.name[:NAME_ROOM]}.{suffix}"
        now = timestamp(self.clock.now())
        return core.Event(
            metadata=meta.ObjectMeta(name=name, namespace=namespace),
            involvedObject=core.ObjectReference(
                kind=kind.name,
                namespace=own.namespace,
                name=own.name,
                uid=own.uid,
                apiVersion=kind.api_version,
                resourceVersion=own.resourceVersion,
            ),
            reason=reason,
            message=message,
            type=type,
            count=1,
            source=core.EventSource(component=self._field_manager),
            firstTimestamp=now,
            lastTimestamp=now,
        )
