"""ObjectService over gRPC: hands requests to those that carry them out, and tells their errors."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
from prometheus_client import CollectorRegistry

from control_plane.api.api import Api
from control_plane.api.reading import Lister
from control_plane.api.registry import resources
from control_plane.api.watching.watcher import Watches
from control_plane.api.writer import ApiWriter
from control_plane.server.calls import Calls
from control_plane.server.explain import explained
from control_plane.server.flow.settings import FlowSettings
from control_plane.server.metrics import RequestMetrics
from control_plane.server.reads import ReadRequests
from control_plane.server.requests import WriteRequests
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceServicer

Q = TypeVar("Q")
R = TypeVar("R")
Context = grpc.aio.ServicerContext[Any, Any]

METHODS = (
    "Get",
    "List",
    "Watch",
    "Create",
    "Update",
    "UpdateStatus",
    "Patch",
    "Apply",
    "Delete",
    "Batch",
    "Explain",
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this server is."""

    version: str
    cluster_id: str
    replica: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Serving:
    """How calls are served: bounds, and where their metrics go."""

    flow: FlowSettings = field(default_factory=FlowSettings)
    # A client that takes nothing for so long is cut off, so that what is under way for it can go.
    send_timeout_s: float = 60.0
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)


class ObjectServicer(ObjectServiceServicer):
    """Serves people and programs."""

    def __init__(
        self,
        api: Api,
        lister: Lister,
        watches: Watches,
        writer: ApiWriter,
        identity: Identity,
        serving: Serving | None = None,
    ) -> None:
        serving = serving or Serving()
        metrics = RequestMetrics(serving.registry)
        metrics.watches(watches.counts)
        self._reads = ReadRequests(api, lister, watches)
        self._writes = WriteRequests(api, lister, writer)
        self._identity = identity
        self._calls = Calls(serving.flow, metrics, serving.send_timeout_s)
        self._measured = {name: metrics.method(name, timed=name != "Watch") for name in METHODS}

    # reads

    async def Get(self, request: wire.GetRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Get", self._reads.get, request)

    async def List(  # type: ignore[override]  # writes to the context, to bound each write
        self, request: wire.ListRequest, context: Context
    ) -> None:
        await self._calls.list(context, self._measured["List"], self._reads.list, request)

    async def Watch(  # type: ignore[override]  # writes to the context, to bound each write
        self, request: wire.WatchRequest, context: Context
    ) -> None:
        await self._calls.watch(context, self._measured["Watch"], self._reads.watch, request)

    # writes

    async def Create(self, request: wire.CreateRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Create", self._writes.create, request)

    async def Update(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Update", self._writes.update, request)

    async def UpdateStatus(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "UpdateStatus", self._writes.update_status, request)

    async def Patch(self, request: wire.PatchRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Patch", self._writes.patch, request)

    async def Apply(self, request: wire.ApplyRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Apply", self._writes.apply, request)

    async def Delete(self, request: wire.DeleteRequest, context: Context) -> wire.ObjectResponse:
        return await self._one(context, "Delete", self._writes.delete, request)

    async def Batch(self, request: wire.BatchRequest, context: Context) -> wire.BatchResponse:
        return await self._one(context, "Batch", self._writes.batch, request, cost=max(1, len(request.items)))

    def _one(
        self, context: Context, method: str, work: Callable[[Q], Awaitable[R]], request: Q, cost: int = 1
    ) -> Awaitable[R]:
        return self._calls.unary(context, self._measured[method], work, request, cost)

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
        return await self._one(context, "Explain", _explained, request)


async def _explained(request: wire.ExplainRequest) -> wire.ExplainResponse:
    """In a thread: all fields of a kind are too many for one slice of the event loop."""
    return await asyncio.to_thread(explained, request)
