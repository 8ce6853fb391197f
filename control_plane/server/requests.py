"""Write requests of ObjectService as calls of the Api: which call, what body, what answer. No transport."""

from collections.abc import AsyncIterator

from google.protobuf.message import Message

from control_plane.api import deletion
from control_plane.api.api import Api, NewObject, Result, WriteOptions
from control_plane.api.changing import FINALIZE, STATUS, check_subresource
from control_plane.api.messages import decode, metadata
from control_plane.api.patches import patched, read_patch
from control_plane.api.patching import require_manager
from control_plane.api.reading import Lister, ListOptions
from control_plane.api.refusals import invalid_as
from control_plane.api.registry import verbs
from control_plane.api.scale import SCALE, SCALE_KIND, applied_to, scale_of, set_scale
from control_plane.api.selection import Selection, selection
from control_plane.api.writer import ApiWriter
from control_plane.objects.interface import Binding, DeleteOptions
from control_plane.server.answers import deleted, response, scale_response
from control_plane.server.batches import Batches
from control_plane.server.bodies import kind_of, received
from knarr.api.kinds import POD, Kind
from knarr.errors import BadRequest, Cause, MethodNotAllowed
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

UNKNOWN_MANAGER = "unknown"
CHANGEABLE = ("", STATUS, SCALE)  # what can be patched and applied to


class WriteRequests:
    """Carries out write requests. Every method raises ApiError."""

    def __init__(self, api: Api, lister: Lister, writer: ApiWriter) -> None:
        self._api = api
        self._lister = lister
        self._writer = writer

    async def create(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        match request.subresource:
            case "":
                new, warnings = new_object(request)
                result = await self._api.create(kind, new.namespace, new.obj, new.options)
                return response(kind, result, warnings)
            case "binding" if kind is POD:
                return await self._bind(request)
            case "eviction" if kind is POD:
                return await self._evict(request)
        check_subresource(kind, request.subresource)
        raise MethodNotAllowed(f"nothing can be created at {kind.plural}/{request.subresource}")

    async def update(self, request: wire.UpdateRequest, subresource: str = "") -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        subresource = subresource or request.subresource
        check_subresource(kind, subresource)
        if subresource not in (*CHANGEABLE, FINALIZE):
            raise MethodNotAllowed(f"{kind.plural}/{subresource} cannot be updated")
        if subresource == SCALE:
            return await self._update_scale(kind, request)
        got = received(kind.message, request.body, request.options.field_validation)
        reference = check_reference(kind, request.reference, got.message)
        options = _options(request.options)
        if subresource == STATUS:
            result = await self._api.update_status(kind, reference.namespace, got.message, options)
        elif subresource == FINALIZE:
            result = await self._finalize(kind, reference, got.message, options)
        else:
            result = await self._api.update(kind, reference.namespace, got.message, options)
        return response(kind, result, got.warnings)

    async def update_status(self, request: wire.UpdateRequest) -> wire.ObjectResponse:
        return await self.update(request, STATUS)

    async def _finalize(
        self, kind: Kind, reference: wire.Reference, obj: Message, options: WriteOptions
    ) -> Result:
        return await self._api.change(
            kind,
            reference.namespace,
            reference.name,
            lambda current: obj,
            options,
            subresource=FINALIZE,
            uid=metadata(obj).uid,
        )

    async def patch(self, request: wire.PatchRequest) -> wire.ObjectResponse:
        kind, reference = kind_of(request.reference), request.reference
        patch = read_patch(request)
        check_subresource(kind, request.subresource)
        if request.subresource not in CHANGEABLE:
            raise MethodNotAllowed(f"{kind.plural}/{request.subresource} cannot be patched")
        warnings: list[str] = []

        def change(current: Message) -> Message:
            if request.subresource != SCALE:
                new, warnings[:] = patched(kind, current, patch)
                return new
            scale, warnings[:] = patched(SCALE_KIND, scale_of(current), patch)
            assert isinstance(scale, autoscaling.Scale)
            return set_scale(current, scale)

        result = await self._api.change(
            kind,
            reference.namespace,
            reference.name,
            change,
            _options(request.options),
            subresource=request.subresource,
        )
        answer = scale_response if request.subresource == SCALE else response
        return answer(kind, result, tuple(warnings))

    async def apply(self, request: wire.ApplyRequest) -> wire.ObjectResponse:
        kind = kind_of(request.reference)
        check_subresource(kind, request.subresource)
        if request.subresource not in CHANGEABLE:
            raise MethodNotAllowed(f"nothing can be applied to {kind.plural}/{request.subresource}")
        require_manager(request.options.field_manager)
        scaling = request.subresource == SCALE
        message: type[Message] = autoscaling.Scale if scaling else kind.message
        got = received(message, request.body, request.options.field_validation)
        if got.value is None:
            raise BadRequest("apply takes JSON or YAML: protobuf cannot say which fields are meant")
        reference = check_reference(kind, request.reference, got.message)
        result = await self._api.apply(
            kind,
            reference.namespace,
            reference.name,
            applied_to(kind, got.value) if scaling else got.value,
            _options(request.options),
            force=request.force,
            subresource=request.subresource,
        )
        answer = scale_response if scaling else response
        return answer(kind, result, got.warnings)

    async def delete(self, request: wire.DeleteRequest) -> wire.ObjectResponse:
        kind, reference = kind_of(request.reference), request.reference
        options = deletion.read_options(request.options)
        dry_run = request.dry_run or _dry_run(request.options)
        if reference.name:
            result = await self._api.delete(
                kind, reference.namespace, reference.name, options, dry_run=dry_run
            )
            return deleted(kind, result)
        if not _has_collection(kind, reference.namespace):
            raise MethodNotAllowed(f"{kind.plural} are deleted by name, or all that match of one namespace")
        wanted = selection(kind, reference.namespace, request.label_selector, request.field_selector)
        gone = await self._api.delete_all(kind, self._messages(wanted), options, dry_run=dry_run)
        status = meta.Status(status="Success", message=f"{len(gone)} deleted")
        status.details.group, status.details.kind = kind.group, kind.plural
        return wire.ObjectResponse(reference=reference, outcome=wire.DELETED, status=status)

    async def _messages(self, wanted: Selection) -> AsyncIterator[list[Message]]:
        async for part in self._lister.list(wanted, ListOptions()):
            yield [decode(wanted.kind, row.value, row.version) for row in part.rows]

    async def batch(self, request: wire.BatchRequest) -> wire.BatchResponse:
        return await Batches(self._api, self.one, new_object).run(request)

    async def one(self, item: wire.BatchItem) -> wire.ObjectResponse:
        """One item of a batch."""
        match item.WhichOneof("write"):
            case "create":
                return await self.create(item.create)
            case "update":
                return await self.update(item.update)
            case "update_status":
                return await self.update_status(item.update_status)
            case "patch":
                return await self.patch(item.patch)
            case "apply":
                return await self.apply(item.apply)
            case "delete":
                return await self.delete(item.delete)
        raise BadRequest("an item of the batch names no write")

    # subresources

    async def _update_scale(self, kind: Kind, request: wire.UpdateRequest) -> wire.ObjectResponse:
        got = received(autoscaling.Scale, request.body, request.options.field_validation)
        reference = check_reference(kind, request.reference, got.message)
        result = await self._api.change(
            kind,
            reference.namespace,
            reference.name,
            lambda current: set_scale(current, got.message),
            _options(request.options),
            subresource=SCALE,
        )
        return scale_response(kind, result, got.warnings)

    async def _bind(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        got = received(core.Binding, request.body, request.options.field_validation).message
        reference = check_reference(POD, request.reference, got)
        if got.target.kind not in ("", "Node"):
            why = f'Unsupported value: "{got.target.kind}": supported values: "Node", "<empty>"'
            cause = Cause("target.kind", "FieldValueNotSupported", why)
            raise invalid_as("Binding", "", reference.name, [cause])
        if not got.target.name:
            cause = Cause("target.name", "FieldValueRequired", "Required value")
            raise invalid_as("Binding", "", reference.name, [cause])
        wanted = Binding(
            reference.namespace,
            reference.name,
            got.metadata.uid,
            got.target.name,
            got.metadata.resourceVersion,
            tuple(got.metadata.labels.items()),
            tuple(got.metadata.annotations.items()),
        )
        (error,) = await self._writer.bind([wanted], dry_run=request.options.dry_run)
        if error is not None:
            raise error
        status = meta.Status(status="Success", code=201)
        return wire.ObjectResponse(reference=reference, outcome=wire.CREATED, status=status)

    async def _evict(self, request: wire.CreateRequest) -> wire.ObjectResponse:
        options, reference, dry_run = DeleteOptions(), request.reference, request.options.dry_run
        if request.body.WhichOneof("form"):
            got = received(policy.Eviction, request.body, request.options.field_validation).message
            reference = check_reference(POD, reference, got)
            options = deletion.read_options(got.deleteOptions)
            dry_run = dry_run or _dry_run(got.deleteOptions)
        await self._api.evict(reference.namespace, reference.name, options, dry_run=dry_run)
        status = meta.Status(status="Success", code=201)
        return wire.ObjectResponse(reference=reference, outcome=wire.DELETING, status=status)


def new_object(request: wire.CreateRequest) -> tuple[NewObject, tuple[str, ...]]:
    """What a request asks to create, and warnings about it; raises ApiError."""
    kind = kind_of(request.reference)
    got = received(kind.message, request.body, request.options.field_validation)
    options = _options(request.options)
    return NewObject(kind, request.reference.namespace, got.message, options), got.warnings


def check_reference(kind: Kind, reference: wire.Reference, obj: Message) -> wire.Reference:
    """The name and namespace that request and object agree on; raises BadRequest."""
    own = metadata(obj)
    named, namespace = reference.name, reference.namespace
    if named and not own.name:
        raise BadRequest(
            f"the name of the object ({named} based on URL) was undeterminable: name must be provided"
        )
    if named and named != own.name:
        raise BadRequest(f"the name of the object ({own.name}) does not match the name on the URL ({named})")
    if not own.name:
        raise BadRequest("the object has no name: metadata.name must be given")
    if kind.namespaced and own.namespace not in ("", namespace) and namespace:
        raise BadRequest(
            f"the namespace of the object ({own.namespace}) does not match the namespace on the request "
            f"({namespace})"
        )
    return wire.Reference(
        api_version=reference.api_version,
        kind=reference.kind,
        namespace=(namespace or own.namespace) if kind.namespaced else "",
        name=own.name,
    )


def _has_collection(kind: Kind, namespace: str) -> bool:
    """Whether objects can be deleted together: never of all namespaces, nor namespaces themselves."""
    return bool(namespace) if kind.namespaced else "deletecollection" in verbs(kind)


def _options(options: wire.WriteOptions) -> WriteOptions:
    if options.field_manager:
        require_manager(options.field_manager)
    return WriteOptions(options.field_manager or UNKNOWN_MANAGER, options.dry_run)


def _dry_run(options: meta.DeleteOptions) -> bool:
    """Kubernetes' list, of which "All" is the only member; raises Invalid."""
    wrong = [value for value in options.dryRun if value != "All"]
    if wrong:
        shown = ", ".join(f'"{value}"' for value in options.dryRun)
        why = f'Unsupported value: []string{{{shown}}}: supported values: "All"'
        cause = Cause("dryRun", "FieldValueNotSupported", why)
        raise invalid_as("DeleteOptions", "meta.k8s.io", "", [cause])
    return bool(options.dryRun)
