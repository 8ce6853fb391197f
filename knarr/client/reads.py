"""Reading: objects, lists, pages, and what the server tells about itself."""

from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message

from knarr.api.kinds import Kind
from knarr.client.references import kind_of, reference
from knarr.client.results import Listed
from knarr.client.sending import Sending
from knarr.client.servers import Link
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)

PAGE = 500


class Reads(Sending):
    """Calls that change nothing. Each is tried again, at another server where there is one, until it is
    answered or its time is over; then Unreachable, Unavailable or Timeout."""

    async def get(self, kind: type[M], namespace: str, name: str) -> M:
        """One object; `namespace` is "" for kinds that have none. Raises NotFound."""
        response = await self.get_response(kind_of(kind), namespace, name)
        return kind.FromString(response.object)

    async def get_response(
        self, kind: Kind, namespace: str, name: str, *, as_table: bool = False
    ) -> wire.ObjectResponse:
        """One object, or its row of the kind's table."""
        return await self.send(wire.GetRequest(reference=reference(kind, namespace, name), as_table=as_table))

    async def get_scale(self, kind: Kind | type[Message], namespace: str, name: str) -> autoscaling.Scale:
        """How many replicas are wanted and there; raises NotFound, MethodNotAllowed (a kind without
        scale)."""
        named = reference(kind_of(kind), namespace, name)
        response = await self.send(wire.GetRequest(reference=named, subresource="scale"))
        return autoscaling.Scale.FromString(response.object)

    async def list(
        self,
        kind: type[M],
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> Listed[M]:
        """Objects of one kind, in all namespaces when `namespace` is empty; all of one moment.

        `labels` and `fields` are selectors as kubectl takes them. `limit` asks for one page, and
        `continue_token` for the one after it. `resource_version` "0" is answered from the server's cache,
        which may be a little behind; "" by the newest. Raises Expired for a token that is too old.
        """
        request = wire.ListRequest(
            reference=reference(kind_of(kind), namespace),
            label_selector=labels,
            field_selector=fields,
            limit=limit,
            continue_token=continue_token,
            resource_version=resource_version,
        )
        chunks = await self.list_chunks(request)
        last = chunks[-1]
        return Listed(
            [kind.FromString(value) for chunk in chunks for value in chunk.objects],
            last.resource_version,
            last.continue_token,
            last.remaining_items if last.HasField("remaining_items") else None,
        )

    async def pages(
        self, kind: type[M], namespace: str = "", *, labels: str = "", fields: str = "", limit: int = PAGE
    ) -> AsyncIterator[Listed[M]]:
        """All objects in pages of at most `limit`, all of one moment. Raises Expired when so much time passes
        between two pages that this moment is forgotten."""
        token = ""
        while True:
            page = await self.list(
                kind, namespace, labels=labels, fields=fields, limit=limit, continue_token=token
            )
            yield page
            token = page.continue_token
            if not token:
                return

    async def list_chunks(
        self, request: wire.ListRequest, *, timeout_s: float | None = None
    ) -> Sequence[wire.ListChunk]:
        """The raw answer to a list request; at least one chunk, of which the last has the version."""

        async def call(link: Link, left_s: float) -> Sequence[wire.ListChunk]:
            return [chunk async for chunk in link.objects.List(request, timeout=left_s)]

        return await self._attempts.read(call, timeout_s)

    async def resources(self) -> Sequence[wire.ResourcesResponse.Resource]:
        """The kinds that the server serves."""
        request = wire.ResourcesRequest()
        response = await self._attempts.read(
            lambda link, left_s: link.objects.Resources(request, timeout=left_s)
        )
        return response.resources

    async def server_info(self) -> wire.ServerInfoResponse:
        """Version, cluster and roles of the server that answers."""
        request = wire.ServerInfoRequest()
        return await self._attempts.read(
            lambda link, left_s: link.objects.ServerInfo(request, timeout=left_s)
        )

    async def explain(
        self, kind: Kind | type[Message], path: str = "", *, recursive: bool = False
    ) -> wire.Explanation:
        """What a field of a kind is; raises NotFound naming the nearest field."""
        request = wire.ExplainRequest(reference=reference(kind_of(kind)), path=path, recursive=recursive)
        response = await self._attempts.read(
            lambda link, left_s: link.objects.Explain(request, timeout=left_s)
        )
        return response.field
