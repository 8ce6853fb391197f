"""The client: one method for each call of ObjectService and PodService."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message

from knarr import transport
from knarr.api import kinds
from knarr.api.kinds import Kind
from knarr.client import calls
from knarr.client.results import Listed, WatchedObject, WriteResult
from knarr.errors import from_status
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services import pod_service_pb2 as pod_wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceStub
from knarr.proto.services.pod_service_pb2_grpc import PodServiceStub

M = TypeVar("M", bound=Message)
T = TypeVar("T")

Request = (
    wire.GetRequest
    | wire.CreateRequest
    | wire.UpdateRequest
    | wire.PatchRequest
    | wire.ApplyRequest
    | wire.DeleteRequest
)

DEFAULT_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0


class Client:
    """A connection to one of several equal api servers."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        field_manager: str = "knarr",
        rng: random.Random | None = None,
    ) -> None:
        self._channel = channel
        self._objects = ObjectServiceStub(channel)
        self._pods = PodServiceStub(channel)
        self._timeout_s = timeout_s
        self._field_manager = field_manager
        self._rng = rng or random.Random()

    @classmethod
    async def dial(
        cls,
        servers: Sequence[str],
        credentials: grpc.ChannelCredentials | None = None,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        field_manager: str = "knarr",
    ) -> "Client":
        """Connect to the first of `servers` ("host:port") that answers; raises calls.Unreachable."""
        for server in servers:
            channel = transport.channel(server, credentials)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await _connected(channel)
                return cls(channel, timeout_s=timeout_s, field_manager=field_manager)
            except TimeoutError:
                await channel.close()
        raise calls.Unreachable(f"no control plane answers at {', '.join(servers)}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all calls and the connection."""
        await self._channel.close()

    # reads

    async def get(self, kind: type[M], namespace: str, name: str) -> M:
        """One object; raises NotFound."""
        response = await self.get_response(kinds.of(kind), namespace, name)
        return kind.FromString(response.object)

    async def get_response(
        self, kind: Kind, namespace: str, name: str, *, as_table: bool = False
    ) -> wire.ObjectResponse:
        """One object, or its row of the kind's table."""
        request = wire.GetRequest(reference=reference(kind, namespace, name), as_table=as_table)
        return await calls.read(
            lambda left: self._objects.Get(request, timeout=left), self._timeout_s, self._rng
        )

    async def list(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> Listed[M]:
        """Objects of one kind, in all namespaces when `namespace` is empty."""
        request = wire.ListRequest(
            reference=reference(kinds.of(kind), namespace),
            label_selector=labels,
            field_selector=fields,
            limit=limit,
            continue_token=continue_token,
        )
        chunks = await self.list_chunks(request)
        last = chunks[-1]
        return Listed(
            [kind.FromString(value) for chunk in chunks for value in chunk.objects],
            last.resource_version,
            last.continue_token,
            last.remaining_items if last.HasField("remaining_items") else None,
        )

    async def list_chunks(self, request: wire.ListRequest) -> Sequence[wire.ListChunk]:
        """The raw answer to a list request; at least one chunk."""

        async def call(left_s: float) -> Sequence[wire.ListChunk]:
            return [chunk async for chunk in self._objects.List(request, timeout=left_s)]

        return await calls.read(call, self._timeout_s, self._rng)

    async def watch(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        resource_version: str = "",
    ) -> AsyncIterator[WatchedObject[M]]:
        """Changes after `resource_version`; with none, first what exists. Ends with an ApiError: Expired
        means list again."""
        request = wire.WatchRequest(
            reference=reference(kinds.of(kind), namespace),
            label_selector=labels,
            field_selector=fields,
            resource_version=resource_version,
            bookmarks=True,
        )
        async for event in self.watch_events(request):
            yield WatchedObject(
                wire.WatchEvent.Type.Name(event.type), kind.FromString(event.object), event.resource_version
            )

    async def watch_events(self, request: wire.WatchRequest) -> AsyncIterator[wire.WatchEvent]:
        """The raw events of a watch; an ERROR event is raised as its ApiError."""
        try:
            async for batch in self._objects.Watch(request):
                for event in batch.events:
                    if event.type == wire.WatchEvent.ERROR:
                        raise from_status(event.status)
                    yield event
        except grpc.aio.AioRpcError as error:
            raise calls.api_error(error) from error

    # writes

    async def create(self, obj: M, *, dry_run: bool = False) -> M:
        """Create; raises AlreadyExists, Invalid, …"""
        kind = kinds.of(obj)
        request = wire.CreateRequest(
            reference=of_object(kind, obj), body=_protobuf(obj), options=self._options(dry_run)
        )
        response = await self._write(lambda left: self._objects.Create(request, timeout=left))
        return _parsed(obj, response)

    async def update(self, obj: M, *, dry_run: bool = False) -> M:
        """Replace all but status; raises Conflict when metadata.resourceVersion is set and stale."""
        kind = kinds.of(obj)
        request = wire.UpdateRequest(
            reference=of_object(kind, obj), body=_protobuf(obj), options=self._options(dry_run)
        )
        response = await self._write(lambda left: self._objects.Update(request, timeout=left))
        return _parsed(obj, response)

    async def update_status(self, obj: M) -> M:
        """Replace status only."""
        kind = kinds.of(obj)
        request = wire.UpdateRequest(
            reference=of_object(kind, obj), body=_protobuf(obj), options=self._options(False)
        )
        response = await self._write(lambda left: self._objects.UpdateStatus(request, timeout=left))
        return _parsed(obj, response)

    async def patch(
        self,
        kind: type[M],
        namespace: str,
        name: str,
        patch: bytes,
        patch_type: "wire.PatchRequest.Type.ValueType" = wire.PatchRequest.STRATEGIC,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> WriteResult[M]:
        """Change by a patch, given as JSON text."""
        request = wire.PatchRequest(
            reference=reference(kinds.of(kind), namespace, name),
            type=patch_type,
            patch=patch,
            options=self._options(dry_run),
            subresource=subresource,
        )
        response = await self._write(lambda left: self._objects.Patch(request, timeout=left))
        return _result(kind, response)

    async def apply(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        body: bytes,
        *,
        force: bool = False,
        dry_run: bool = False,
    ) -> WriteResult[Message]:
        """Server-side apply of JSON text: only the fields in it are touched, and owned by this client's field
        manager from then on. Raises Conflict when another manager owns one and `force` is not given."""
        request = wire.ApplyRequest(
            reference=reference(kind, namespace, name),
            body=wire.Body(json=body),
            options=self._options(dry_run),
            force=force,
        )
        response = await self._write(lambda left: self._objects.Apply(request, timeout=left))
        return _result(kind.message, response)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        options: meta.DeleteOptions | None = None,
        *,
        labels: str = "",
        fields: str = "",
        dry_run: bool = False,
    ) -> WriteResult[Message]:
        """Delete one object or, with an empty name, all that the selectors match."""
        request = wire.DeleteRequest(
            reference=reference(kind, namespace, name),
            options=options,
            dry_run=dry_run,
            label_selector=labels,
            field_selector=fields,
        )
        response = await self._write(lambda left: self._objects.Delete(request, timeout=left))
        return _result(kind.message, response)

    async def send(self, request: Request, *, timeout_s: float | None = None) -> wire.ObjectResponse:
        """Any request for one object as it stands; its field manager is this client's where it names none.

        `timeout_s` bounds the tries of this request alone.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        match request:
            case wire.GetRequest():
                get = request
                return await calls.read(lambda left: self._objects.Get(get, timeout=left), limit_s, self._rng)
            case wire.DeleteRequest():
                delete = request
                return await calls.write(
                    lambda left: self._objects.Delete(delete, timeout=left), limit_s, self._rng
                )
        if not request.options.field_manager:
            request.options.field_manager = self._field_manager
        match request:
            case wire.CreateRequest():
                create = request
                return await calls.write(
                    lambda left: self._objects.Create(create, timeout=left), limit_s, self._rng
                )
            case wire.UpdateRequest():
                update = request
                return await calls.write(
                    lambda left: self._objects.Update(update, timeout=left), limit_s, self._rng
                )
            case wire.PatchRequest():
                patch = request
                return await calls.write(
                    lambda left: self._objects.Patch(patch, timeout=left), limit_s, self._rng
                )
            case wire.ApplyRequest():
                apply = request
                return await calls.write(
                    lambda left: self._objects.Apply(apply, timeout=left), limit_s, self._rng
                )

    # the rest

    async def resources(self) -> Sequence[wire.ResourcesResponse.Resource]:
        """The kinds that the server serves."""
        response = await calls.read(
            lambda left: self._objects.Resources(wire.ResourcesRequest(), timeout=left),
            self._timeout_s,
            self._rng,
        )
        return response.resources

    async def server_info(self) -> wire.ServerInfoResponse:
        """Version, cluster and roles of the server that answers."""
        return await calls.read(
            lambda left: self._objects.ServerInfo(wire.ServerInfoRequest(), timeout=left),
            self._timeout_s,
            self._rng,
        )

    async def explain(self, kind: Kind, path: str = "", *, recursive: bool = False) -> wire.Explanation:
        """What a field of a kind is; raises NotFound naming the nearest field."""
        request = wire.ExplainRequest(reference=reference(kind), path=path, recursive=recursive)
        response = await calls.read(
            lambda left: self._objects.Explain(request, timeout=left), self._timeout_s, self._rng
        )
        return response.field

    async def logs(self, request: pod_wire.LogsRequest) -> AsyncIterator[bytes]:
        """A container's log, as it comes."""
        try:
            async for chunk in self._pods.Logs(request):
                yield chunk.data
        except grpc.aio.AioRpcError as error:
            raise calls.api_error(error) from error

    def _options(self, dry_run: bool) -> wire.WriteOptions:
        return wire.WriteOptions(dry_run=dry_run, field_manager=self._field_manager)

    async def _write(self, call: Callable[[float], Awaitable[T]]) -> T:
        return await calls.write(call, self._timeout_s, self._rng)


async def _connected(channel: grpc.aio.Channel) -> None:
    """Return once the channel is ready; TimeoutError when the address refuses twice."""
    state = channel.get_state(try_to_connect=True)
    failures = 0
    while state != grpc.ChannelConnectivity.READY:
        if state == grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            failures += 1
            if failures == 2:
                raise TimeoutError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


def reference(kind: Kind, namespace: str = "", name: str = "") -> wire.Reference:
    """How the wire names a kind or an object."""
    return wire.Reference(
        api_version=kind.api_version,
        kind=kind.name,
        namespace=namespace if kind.namespaced else "",
        name=name,
    )


def of_object(kind: Kind, obj: Message) -> wire.Reference:
    """How the wire names this object."""
    metadata = metadata_of(obj)
    return reference(kind, metadata.namespace, metadata.name)


def metadata_of(obj: Message) -> meta.ObjectMeta:
    """The metadata that every served kind has."""
    return cast(meta.ObjectMeta, obj.metadata)  # type: ignore[attr-defined]


def _protobuf(obj: Message) -> wire.Body:
    return wire.Body(protobuf=obj.SerializeToString())


def _parsed(like: M, response: wire.ObjectResponse) -> M:
    return type(like).FromString(response.object)


def _result(kind: type[M], response: wire.ObjectResponse) -> WriteResult[M]:
    parsed = kind.FromString(response.object) if response.object else None
    return WriteResult(parsed, response.outcome, tuple(response.warnings))
