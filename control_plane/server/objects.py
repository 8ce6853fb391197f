"""ObjectService over gRPC: translates requests for the Api and its answers for the wire."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc.aio
import structlog
from google.protobuf.message import Message

from control_plane.api.api import Api, Result, WriteOptions
from control_plane.api.patches import parse_patch, patched
from control_plane.api.reading import Lister, ListOptions, selection
from control_plane.api.registry import resources
from control_plane.api.scale import scale_of, set_scale
from control_plane.api.tables import table
from control_plane.api.watching.watcher import Event, Watches, WatchOptions
from control_plane.objects.interface import Binding, DeleteOptions, Propagation, Writer
from control_plane.server.bodies import kind_of, received
from control_plane.server.errors import abort
from knarr.api.kinds import POD, Kind
from knarr.errors import ApiError, BadRequest, InternalError, NotFound
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire
from knarr.proto.services.object_service_pb2_grpc import ObjectServiceServicer

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

MAX_PART_BYTES = 1024 * 1024
MAX_BATCH = 1000
BATCH_CONCURRENCY = 256

log = structlog.get_logger()


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
        self, api: Api, lister: Lister, watches: Watches, writer: Writer, identity: Identity
    ) -> None:
        self._api = api
        self._lister = lister
        self._watches = watches
        self._writer = writer
        self._identity = identity

    # reads

    async def Get(self, request: wire.GetRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._get(request))

    async def _get(self, request: wire.GetRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        obj = await self._api.get(kind, request.reference.namespace, request.reference.name)
        if request.subresource == "scale":
            return wire.ObjectResponse(
                reference=request.reference, object=scale_of(kind, obj).SerializeToString()
            )
        if request.as_table:
            return wire.ObjectResponse(reference=request.reference, table=table(kind, [obj]))
        return wire.ObjectResponse(reference=request.reference, object=obj.SerializeToString())

    async def List(self, request: wire.ListRequest, context: Context) -> AsyncIterator[wire.ListChunk]:
        try:
            async for chunk in self._list(request):
                yield chunk
        except ApiError as error:
            await abort(context, error)
        except TimeoutError:
            await abort(context, NotFound("that resource version has not been reached"))

    async def _list(self, request: wire.ListRequest) -> AsyncIterator[wire.ListChunk]:
        kind = kind_of(request.reference)
        wanted = selection(kind, request.reference.namespace, request.label_selector, request.field_selector)
        options = ListOptions(
            request.limit, request.continue_token, request.resource_version, request.version_match
        )
        first = True
        async for part in self._lister.list(wanted, options):
            for chunk in _chunks(kind, part.objects, as_table=request.as_table, header=first):
                first = False
                yield chunk
            if part.version:
                last = wire.ListChunk(resource_version=str(part.version), continue_token=part.continue_token)
                if part.remaining is not None:
                    last.remaining_items = part.remaining
                if first and request.as_table:
                    last.table.CopyFrom(table(kind, []))
                yield last

    async def Watch(self, request: wire.WatchRequest, context: Context) -> AsyncIterator[wire.WatchBatch]:
        try:
            timeout_s = request.timeout_seconds or None
            async with asyncio.timeout(timeout_s):
                async for batch in self._watch(request):
                    yield batch
        except TimeoutError:
            return
        except ApiError as error:
            yield wire.WatchBatch(events=[wire.WatchEvent(type=wire.WatchEvent.ERROR, status=error.status())])

    async def _watch(self, request: wire.WatchRequest) -> AsyncIterator[wire.WatchBatch]:
        kind = kind_of(request.reference)
        wanted = selection(kind, request.reference.namespace, request.label_selector, request.field_selector)
        options = WatchOptions(request.resource_version, request.bookmarks, request.send_initial_events)
        async for events in self._watches.watch(wanted, options):
            yield wire.WatchBatch(
                events=[_watch_event(kind, event, as_table=request.as_table) for event in events]
            )

    # writes

    async def Create(self, request: wire.CreateRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._create(request))

    async def _create(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        if request.subresource == "binding":
            return await self._bind(request)
        if request.subresource == "eviction":
            return await self._evict(request)
        got = received(kind, request.body, request.options.field_validation)
        result = await self._api.create(
            kind, request.reference.namespace, got.message, _options(request.options)
        )
        return _response(kind, result, got.warnings)

    async def Update(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._update(request))

    async def _update(self, request: wire.UpdateRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        if request.subresource == "scale":
            return await self._scale(kind, request)
        got = received(kind, request.body, request.options.field_validation)
        result = await self._api.update(
            kind, request.reference.namespace, got.message, _options(request.options)
        )
        return _response(kind, result, got.warnings)

    async def UpdateStatus(self, request: wire.UpdateRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._update_status(request))

    async def _update_status(self, request: wire.UpdateRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        got = received(kind, request.body, request.options.field_validation)
        result = await self._api.update_status(
            kind, request.reference.namespace, got.message, _options(request.options)
        )
        return _response(kind, result, got.warnings)

    async def Patch(self, request: wire.PatchRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._patch(request))

    async def _patch(self, request: wire.PatchRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        patch = parse_patch(request.patch, request.type)

        def change(current: Message) -> Message:
            return patched(kind, current, patch, request.type)

        result = await self._api.change(
            kind,
            request.reference.namespace,
            request.reference.name,
            change,
            _options(request.options),
            subresource=request.subresource,
        )
        return _response(kind, result)

    async def Apply(self, request: wire.ApplyRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._apply(request))

    async def _apply(self, request: wire.ApplyRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        got = received(kind, request.body, request.options.field_validation)
        if got.value is None:
            raise BadRequest("apply takes JSON or YAML: protobuf cannot say which fields are meant")
        if not request.options.field_manager:
            raise BadRequest("options.field_manager is required: apply records who owns the fields")
        name = request.reference.name or got.message.metadata.name  # type: ignore[attr-defined]
        result = await self._api.apply(
            kind,
            request.reference.namespace,
            name,
            got.value,
            _options(request.options),
            force=request.force,
        )
        return _response(kind, result, got.warnings)

    async def Delete(self, request: wire.DeleteRequest, context: Context) -> wire.ObjectResponse:
        return await _answered(context, self._delete(request))

    async def _delete(self, request: wire.DeleteRequest) -> wire.ObjectResponse:
        kind, reference = kind_of(request.reference), request.reference
        options = delete_options(request.options)
        if reference.name:
            result = await self._api.delete(
                kind, reference.namespace, reference.name, options, dry_run=request.dry_run
            )
            return _response(kind, result)
        wanted = selection(kind, reference.namespace, request.label_selector, request.field_selector)
        deleted = 0
        async for part in self._lister.list(wanted, ListOptions()):
            for obj in part.objects:
                own = obj.metadata  # type: ignore[attr-defined]
                try:
                    await self._api.delete(kind, own.namespace, own.name, options, dry_run=request.dry_run)
                except NotFound:
                    continue
                deleted += 1
        status = meta.Status(status="Success", message=f"{deleted} deleted")
        return wire.ObjectResponse(reference=reference, outcome=wire.DELETED, status=status)

    async def Batch(self, request: wire.BatchRequest, context: Context) -> wire.BatchResponse:
        return await _answered(context, self._batch(request))

    async def _batch(self, request: wire.BatchRequest) -> wire.BatchResponse:
        if len(request.items) > MAX_BATCH:
            raise BadRequest(f"a batch has at most {MAX_BATCH} items, this one has {len(request.items)}")
        limit = asyncio.Semaphore(BATCH_CONCURRENCY)

        async def one(item: wire.BatchItem) -> wire.BatchOutcome:
            async with limit:
                try:
                    return wire.BatchOutcome(done=await self._item(item))
                except ApiError as error:
                    return wire.BatchOutcome(failed=error.status())

        return wire.BatchResponse(outcomes=await asyncio.gather(*map(one, request.items)))

    async def _item(self, item: wire.BatchItem) -> wire.ObjectResponse:
        match item.WhichOneof("write"):
            case "create":
                return await self._create(item.create)
            case "update":
                return await self._update(item.update)
            case "update_status":
                return await self._update_status(item.update_status)
            case "patch":
                return await self._patch(item.patch)
            case "apply":
                return await self._apply(item.apply)
            case "delete":
                return await self._delete(item.delete)
            case _:
                raise BadRequest("an item of the batch names no write")

    # subresources

    async def _scale(self, kind: Kind, request: wire.UpdateRequest) -> wire.ObjectResponse:
        scale = autoscaling.Scale.FromString(request.body.protobuf)
        result = await self._api.change(
            kind,
            request.reference.namespace,
            request.reference.name,
            lambda current: set_scale(kind, current, scale),
            _options(request.options),
        )
        answer = scale_of(kind, result.obj).SerializeToString()
        return wire.ObjectResponse(reference=request.reference, object=answer, outcome=result.outcome)

    async def _bind(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        binding = core.Binding.FromString(request.body.protobuf)
        reference = request.reference
        pod = await self._api.get(POD, reference.namespace, reference.name)
        uid = binding.metadata.uid or pod.metadata.uid  # type: ignore[attr-defined]
        wanted = Binding(reference.namespace, reference.name, uid, binding.target.name)
        (error,) = await self._writer.bind([wanted])
        if error is not None:
            raise error
        return wire.ObjectResponse(
            reference=reference, outcome=wire.CREATED, status=meta.Status(status="Success", code=201)
        )

    async def _evict(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        reference = request.reference
        result = await self._api.delete(
            POD,
            reference.namespace,
            reference.name,
            DeleteOptions(),
            dry_run=request.options.dry_run,
        )
        return _response(POD, result)

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


async def _answered(context: Context, work: Awaitable[T]) -> T:
    """The answer, or the call ended with the error. What nobody foresaw is logged and told as such."""
    try:
        return await work
    except ApiError as error:
        await abort(context, error)
    except (asyncio.CancelledError, grpc.aio.AbortError):
        raise
    except Exception as error:
        log.exception("request failed")
        await abort(context, InternalError(f"the server failed: {type(error).__name__}: {error}"))


def _options(options: wire.WriteOptions) -> WriteOptions:
    return WriteOptions(options.field_manager or "unknown", options.dry_run)


def delete_options(options: meta.DeleteOptions) -> DeleteOptions:
    """Kubernetes' options as ours; raises BadRequest."""
    propagation: Propagation | None = None
    if options.propagationPolicy:
        try:
            propagation = Propagation(options.propagationPolicy)
        except ValueError as error:
            raise BadRequest(
                f'propagationPolicy: "{options.propagationPolicy}": Foreground, Background or Orphan'
            ) from error
    elif options.orphanDependents:
        propagation = Propagation.ORPHAN
    if options.HasField("gracePeriodSeconds") and options.gracePeriodSeconds < 0:
        raise BadRequest(f"gracePeriodSeconds: {options.gracePeriodSeconds}: must not be negative")
    conditions = options.preconditions
    return DeleteOptions(
        grace_period_s=options.gracePeriodSeconds if options.HasField("gracePeriodSeconds") else None,
        uid=conditions.uid if conditions.HasField("uid") else None,
        resource_version=conditions.resourceVersion if conditions.HasField("resourceVersion") else None,
        propagation=propagation,
    )


def _response(kind: Kind, result: Result, warnings: tuple[str, ...] = ()) -> wire.ObjectResponse:
    own = result.obj.metadata  # type: ignore[attr-defined]  # every served kind has it
    reference = wire.Reference(
        api_version=kind.api_version, kind=kind.name, namespace=own.namespace, name=own.name
    )
    return wire.ObjectResponse(
        reference=reference,
        object=result.obj.SerializeToString(),
        warnings=[*warnings, *result.warnings],
        outcome=result.outcome,
    )


def _chunks(kind: Kind, objects: list[Message], *, as_table: bool, header: bool) -> list[wire.ListChunk]:
    """Objects in chunks of bounded size; none for no objects."""
    if as_table:
        return [wire.ListChunk(table=table(kind, objects, header=header))] if objects else []
    chunks: list[wire.ListChunk] = []
    size = MAX_PART_BYTES
    for obj in objects:
        value = obj.SerializeToString()
        if size + len(value) > MAX_PART_BYTES:
            chunks.append(wire.ListChunk())
            size = 0
        chunks[-1].objects.append(value)
        size += len(value)
    return chunks


def _watch_event(kind: Kind, event: Event, *, as_table: bool) -> wire.WatchEvent:
    result = wire.WatchEvent(type=event.type, resource_version=str(event.version))
    if event.obj is None:
        return result
    if as_table:
        result.table.CopyFrom(table(kind, [event.obj], header=False))
    else:
        result.object = event.obj.SerializeToString()
    return result
