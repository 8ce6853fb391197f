"""Sends any request for one object as it stands, as often as is safe, and finds out what became of it.

The rest of the client makes requests and reads answers; whether a write is repeated is decided here, by what
the request says of itself, so that it holds for requests that callers make themselves too.
"""

from collections.abc import Awaitable, Callable

from knarr.api import kinds
from knarr.client.attempts import Call, Write
from knarr.client.caller import Caller
from knarr.client.preconditions import (
    BINDING,
    EVICTION,
    WriteRequest,
    body_metadata,
    is_conditional,
    is_dry,
    parsed,
    without_version,
)
from knarr.client.references import metadata_of, words
from knarr.client.servers import Link
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

Request = wire.GetRequest | WriteRequest
Settle = Callable[[], Awaitable[wire.ObjectResponse | None]]


class Sending(Caller):
    """Requests and answers of ObjectService."""

    async def send(
        self, request: Request, *, settle: Settle | None = None, timeout_s: float | None = None
    ) -> wire.ObjectResponse:
        """Any request for one object; its field manager is this client's where it names none.

        `settle` reads what became of a write whose answer was lost: the answer it would have got, or None
        when that cannot be told. `timeout_s` bounds the tries of this request alone. Raises ApiError; of a
        write Ambiguous, when it may have been done or not.
        """
        if isinstance(request, wire.GetRequest):
            return await self._attempts.read(_rpc(request), timeout_s)
        if not isinstance(request, wire.DeleteRequest) and not request.options.field_manager:
            request.options.field_manager = self._field_manager
        if is_dry(request):
            return await self._attempts.read(_rpc(request), timeout_s)
        write = Write(
            f"{_verb(request)} of {words(request.reference)}",
            _rpc(request),
            repeatable=lambda: is_conditional(request),
            atomic=bool(request.reference.name) or not isinstance(request, wire.DeleteRequest),
            settle=settle or self._settle(request),
        )
        response = await self._attempts.write(write, timeout_s)
        self._warn(response.warnings)
        return response

    def _settle(self, request: WriteRequest) -> Settle | None:
        """How to find out what became of a write, where what it promises can be read."""
        match request:
            case wire.DeleteRequest() if request.reference.name:
                uid = request.options.preconditions.uid
                return lambda: self._deleted(request.reference, uid)
            case wire.CreateRequest() if request.subresource == EVICTION:
                eviction = parsed(request.body, policy.Eviction) or policy.Eviction()
                uid = eviction.deleteOptions.preconditions.uid
                return lambda: self._deleted(request.reference, uid)
            case wire.CreateRequest() if request.subresource == BINDING:
                return lambda: self._bound(request)
            case wire.ApplyRequest():
                return lambda: self._applied(request)
            case _:
                return None

    async def _deleted(self, reference: wire.Reference, uid: str) -> wire.ObjectResponse | None:
        """The object is gone, has made room for another one, or is on its way out."""
        kind = kinds.find(reference.api_version, reference.kind)
        if kind is None:
            return None
        gone = wire.ObjectResponse(reference=reference, outcome=wire.DELETED)
        gone.status.status = "Success"
        try:
            found = await self.send(wire.GetRequest(reference=reference))
        except NotFound:
            return gone
        metadata = metadata_of(kind.message.FromString(found.object))
        if uid and metadata.uid != uid:
            return gone
        if metadata.HasField("deletionTimestamp"):
            return wire.ObjectResponse(reference=reference, object=found.object, outcome=wire.DELETING)
        return None

    async def _bound(self, request: wire.CreateRequest) -> wire.ObjectResponse | None:
        """The pod is on the node: pods are bound once, so it does not matter by which try."""
        binding = parsed(request.body, core.Binding)
        if binding is None or not body_metadata(request.body, core.Binding).uid:
            return None
        pod = core.Pod.FromString((await self.send(wire.GetRequest(reference=request.reference))).object)
        if pod.metadata.uid != binding.metadata.uid or pod.spec.nodeName != binding.target.name:
            return None
        bound = wire.ObjectResponse(reference=request.reference, outcome=wire.CREATED)
        bound.status.status = "Success"
        return bound

    async def _applied(self, request: wire.ApplyRequest) -> wire.ObjectResponse | None:
        """Applying would change nothing: all fields are there and owned as asked for."""
        dry = wire.ApplyRequest()
        dry.CopyFrom(request)
        dry.options.dry_run = True
        dry.body.CopyFrom(without_version(request.body))
        answer = await self.send(dry)
        return answer if answer.outcome == wire.UNCHANGED else None


def _rpc(request: Request) -> Call[wire.ObjectResponse]:
    """The method of the service that the request is named for."""
    name = type(request).__name__.removesuffix("Request")

    async def call(link: Link, left_s: float) -> wire.ObjectResponse:
        response: wire.ObjectResponse = await getattr(link.objects, name)(request, timeout=left_s)
        return response

    return call


def _verb(request: WriteRequest) -> str:
    verb = type(request).__name__.removesuffix("Request").lower()
    subresource = "" if isinstance(request, wire.DeleteRequest) else request.subresource
    return f"{verb} {subresource}".rstrip()
