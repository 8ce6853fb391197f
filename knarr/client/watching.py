"""Watching: events as they come, resumed over lost connections and restarts of servers."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from google.protobuf.message import Message

from knarr.client import raw
from knarr.client.changes import Changes
from knarr.client.following import Source, Trim, in_slices, progress, reader
from knarr.client.known import ChangeType, Known, Seen
from knarr.client.references import kind_of, reference
from knarr.client.results import Change, WatchedObject
from knarr.client.servers import Link
from knarr.client.streams import Batches, batches, resumed
from knarr.errors import ApiError
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)


class Watching(Changes):
    """Streams of changes. None of them ends by itself: leave the loop, or close the generator."""

    async def watch(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        resource_version: str = "",
        patience_s: float | None = None,
    ) -> AsyncGenerator[WatchedObject[M], None]:
        """Changes after `resource_version`; with none, first what exists, as ADDED.

        It resumes when the connection is lost. Raises Expired when the servers have forgotten where it stood:
        list again, or use `follow`, which does. Raises Unreachable when no server answers for `patience_s`
        seconds, by default as long as any call of this client may take.
        """
        version = resource_version
        if not version:
            listed = await self.list(kind, namespace, labels=labels, fields=fields)
            version = listed.resource_version
            for obj in listed.items:
                yield WatchedObject("ADDED", obj, version)
        request = wire.WatchRequest(
            reference=reference(kind_of(kind), namespace),
            label_selector=labels,
            field_selector=fields,
            bookmarks=True,
        )
        async with aclosing(
            resumed(self._opener(request), version, self._patience(patience_s), self.rng)
        ) as stream:
            async for events in stream:
                for event in events:
                    name = wire.WatchEvent.Type.Name(event.type)
                    yield WatchedObject(name, kind.FromString(event.object), event.resource_version)

    async def watch_events(self, request: wire.WatchRequest) -> AsyncGenerator[wire.WatchEvent, None]:
        """The raw events of one watch, not resumed; an ERROR event is raised as its ApiError."""
        async with aclosing(batches(self._servers, request)) as stream:
            async for events in stream:
                for event in events:
                    yield event

    async def follow(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        patience_s: float | None = None,
    ) -> AsyncGenerator[Change[M], None]:
        """What exists and what becomes of it: every object as ADDED, then each change.

        Unlike `watch` it goes on where the servers have forgotten what happened meanwhile: it lists again and
        tells the difference, deletions included. It remembers all objects that match, serialised.
        """
        source = self.source(kind, namespace, labels=labels, fields=fields)
        async with aclosing(progress(source, Known(), self._patience(patience_s), self.rng)) as stream:
            async for part in stream:
                for step in part.steps:
                    previous = kind.FromString(step.previous) if step.previous is not None else None
                    yield Change(step.type, kind.FromString(step.value), previous)

    async def follow_events(
        self,
        request: wire.ListRequest,
        chunks: Sequence[wire.ListChunk],
        *,
        patience_s: float | None = None,
        on_lost: Callable[[ApiError], object] | None = None,
    ) -> AsyncGenerator[wire.WatchEvent, None]:
        """The raw events, objects or rows of tables as the request says, after a list that `list_chunks` has
        answered with `chunks`. Where the servers have forgotten what happened meanwhile, a new list is told
        as events, deletions included; those have no resource_version. Bookmarks are left out. `on_lost` is
        told why, each time that the watch is lost and is to be resumed."""
        watch = wire.WatchRequest(
            reference=request.reference,
            label_selector=request.label_selector,
            field_selector=request.field_selector,
            bookmarks=True,
            as_table=request.as_table,
        )
        patience = self._patience(patience_s)
        stream = raw.follow(
            request,
            chunks,
            lambda: self.list_chunks(request, timeout_s=patience),
            lambda version: resumed(self._opener(watch), version, patience, self.rng, on_lost),
        )
        async with aclosing(stream):
            async for event in stream:
                yield event

    async def wait_for(
        self,
        kind: type[M],
        namespace: str,
        name: str,
        check: Callable[[M | None], object],
        *,
        patience_s: float | None = None,
    ) -> M | None:
        """Wait until `check` holds for an object, which is None while it does not exist; returns it then.

        There is no deadline in it: use asyncio.timeout. Raises what `check` raises, and Unreachable as
        `watch` does."""
        known: M | None = None
        source = self.source(kind, namespace, fields=f"metadata.name={name}")
        async with aclosing(progress(source, Known(), self._patience(patience_s), self.rng)) as stream:
            async for part in stream:
                for step in part.steps:
                    known = None if step.type is ChangeType.DELETED else kind.FromString(step.value)
                    if check(known):
                        return known
                if part.listed and known is None and check(None):
                    return None
        raise AssertionError("unreachable: changes do not end")

    def source(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        trim: Trim[M] | None = None,
    ) -> Source:
        """Objects of a kind as informers and the like take them."""
        target = reference(kind_of(kind), namespace)
        read = reader(kind, trim)

        request = wire.ListRequest(reference=target, label_selector=labels, field_selector=fields)

        async def call(link: Link, left_s: float) -> tuple[Sequence[Seen], str]:
            seen: list[Seen] = []
            version = ""
            async for chunk in link.objects.List(request, timeout=left_s):
                async for values in in_slices(chunk.objects):
                    seen += map(read, values)
                version = chunk.resource_version or version
            return seen, version

        async def listed() -> tuple[Sequence[Seen], str]:
            return await self._attempts.read(call)

        watch = wire.WatchRequest(
            reference=target, label_selector=labels, field_selector=fields, bookmarks=True
        )
        return Source(listed, self._opener(watch), lambda event: read(event.object))

    def _patience(self, patience_s: float | None) -> float:
        return self._timeout_s if patience_s is None else patience_s

    def _opener(self, request: wire.WatchRequest) -> Callable[[str], Batches]:
        def open_at(version: str) -> Batches:
            resuming = wire.WatchRequest()
            resuming.CopyFrom(request)
            resuming.resource_version = version
            return batches(self._servers, resuming)

        return open_at
