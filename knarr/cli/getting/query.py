"""What `knarr get` asks for, and how it asks: page by page, names that there are not told at the end."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from knarr.cli.choosing import Named, Wanted
from knarr.cli.failure import FAILED, Failure, of_api_error
from knarr.cli.output import Format
from knarr.cli.resources import Target
from knarr.client import Client, reference
from knarr.errors import Expired, NotFound
from knarr.proto.services import object_service_pb2 as wire


@dataclass(slots=True)
class Query:
    """What is asked for, and the names that were not found."""

    which: Sequence[Named]
    wanted: Wanted
    format: Format
    namespace: str  # "": all
    sort_by: str = ""
    ignore_not_found: bool = False
    chunk_size: int = 500
    managed_fields: bool = False
    missing: list[str] = field(default_factory=list)

    def list_request(self, each: Named, *, as_table: bool) -> wire.ListRequest:
        """The first page of a kind."""
        return wire.ListRequest(
            reference=reference(each.target.kind, each.namespace),
            label_selector=self.wanted.labels,
            field_selector=self.wanted.fields,
            limit=self.chunk_size,
            as_table=as_table,
        )

    async def one(self, client: Client, each: Named, *, as_table: bool) -> wire.ObjectResponse | None:
        """An object that is named; None when it is not there, which `finish` tells."""
        try:
            return await client.get_response(
                each.target.kind, each.namespace, each.target.name, as_table=as_table
            )
        except NotFound as error:
            if not self.ignore_not_found:
                self.missing.append(of_api_error(error).message)
            return None

    async def pages(self, client: Client, each: Named, *, as_table: bool) -> AsyncIterator[wire.ListChunk]:
        """All objects of a kind, of one moment; a list too long in the reading is read again at one go."""
        request = self.list_request(each, as_table=as_table)
        read: list[wire.ListChunk] = []
        while True:
            try:
                chunks = await client.list_chunks(request)
            except Expired:
                if not request.continue_token:
                    raise
                request.continue_token, request.limit = "", 0
                read = []
                continue
            read.extend(chunks)
            request.continue_token = chunks[-1].continue_token
            if not request.continue_token:
                break
        for chunk in read:
            yield chunk

    async def objects(self, client: Client, each: Named) -> list[tuple[Target, bytes]]:
        """What one argument names, whole."""
        if each.target.name:
            found = await self.one(client, each, as_table=False)
            return [(each.target, found.object)] if found is not None else []
        return [
            (each.target, value)
            async for chunk in self.pages(client, each, as_table=False)
            for value in chunk.objects
        ]

    def finish(self) -> None:
        """Raise Failure for the names that there are not."""
        if self.missing:
            raise Failure("\n".join(self.missing), FAILED)
