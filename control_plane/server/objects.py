"""ObjectService over gRPC: hands requests to those that carry them out, and tells their errors."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc.aio

from control_plane.api.api import Api
from control_plane.api.changing import STATUS
from control_plane.api.reading import Lister
from control_plane.api.registry import resources
from control_plane.api.watching.watcher import Watches
from control_plane.api.writer import ApiWriter
from control_plane.server.answering import answered
from control_plane.server.explain import explained
from control_plane.server.reads import ReadRequests
from control_plane.server.requests import WriteRequests
from knarr.errors import TooManyRequests
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]

# A client that takes nothing for so long is cut off, so that what is under way for it can go.
SEND_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this server is."""

    version: str
    cluster_id: str
    replica: str
    roles: tuple[str, ...]


class ObjectServicer(ObjectServiceServicer):
    """Serves people and programs."""

    def __init__(
        self,
        api: Api,
        lister: Lister,
        watches: Watches,
        writer: ApiWriter,
        identity: Identity,
        send_timeout_s: float = SEND_TIMEOUT_S,
    ) -> None:
        self._reads = ReadRequests(api, lister, watches)
        self._writes = WriteRequests(api, lister, writer)
        self._identity = identity
        self._send_timeout_s = send_timeout_s

    # reads

    async def Get(self, request: wire.GetRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._reads.get(request))

    async def List(  # type: ignore[override]  # writes to the context, to bound each write
        self, request: wire.ListRequest, context: Context
    ) -> None:
        await answered(context, self._send(context, self._reads.list(request)))

    async def Watch(  # type: ignore[override]  # writes to the context, to bound each write
        self, request: wire.WatchRequest, context: Context
    ) -> None:
        await answered(context, self._send(context, self._reads.watch(request)))

    async def _send(self, context: Context, messages: AsyncGenerator[Any, None]) -> None:
        """Raises TooManyRequests when the client does not take what it asked for; whatever happens, what made
        the messages has ended then."""
        async with aclosing(messages):
            async for message in messages:
                try:
                    async with asyncio.timeout(self._send_timeout_s):
                        await context.write(message)
                except TimeoutError as error:
                    raise TooManyRequests(
                        f"the client took nothing for {self._send_timeout_s:g} s", retry_after_s=1
                    ) from error

    # writes

    async def Create(self, request: wire.CreateRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.create(request))

    async def Update(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.update(request))

    async def UpdateStatus(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.update(request, STATUS))

    async def Patch(self, request: wire.PatchRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.patch(request))

    async def Apply(self, request: wire.ApplyRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.apply(request))

    async def Delete(self, request: wire.DeleteRequest, context: Context) -> wire.ObjectResponse:
        return await answered(context, self._writes.delete(request))

    async def Batch(self, request: wire.BatchRequest, context: Context) -> wire.BatchResponse:
        return await answered(context, self._writes.batch(request))

    # about the server

    async def Resources(self, request: wire.ResourcesRequest, context: Context) -> wire.ResourcesResponse:
        return resources()

    async def ServerInfo(self, request: wire.ServerInfoRequest, context: Context) -> wire.ServerInfoResponse:
        identity = self._identity
        return wire.ServerInfoResponse(
            version=identity.version,
            cluster_id=identity.cluster_id,
            replica=identity.replica,
            roles=identity.roles,
        )

    async def Explain(self, request: wire.ExplainRequest, context: Context) -> wire.ExplainResponse:
        # In a thread: all fields of a kind are too many for one slice of the event loop.
        return await answered(context, asyncio.to_thread(explained, request))
