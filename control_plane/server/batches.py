"""Several writes in one request, each with its own outcome: new objects together, the rest side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from control_plane.api.api import Api, NewObject
from control_plane.server.answers import response
from knarr.errors import ApiError, BadRequest
from knarr.proto.services import object_service_pb2 as wire

SLICE = 10  # bodies read before others run

WriteOne = Callable[[wire.BatchItem], Awaitable[wire.ObjectResponse]]
ReadNew = Callable[[wire.CreateRequest], tuple[NewObject, tuple[str, ...]]]


class Batches:
    """Carries out batches."""

    def __init__(self, api: Api, one: WriteOne, new: ReadNew) -> None:
        """`one` does any one item; `new` reads what is to be created, and warnings about it."""
        self._api = api
        self._one = one
        self._new = new

    async def run(self, request: wire.BatchRequest) -> wire.BatchResponse:
        settings = self._api.settings
        if len(request.items) > settings.batch_limit:
            raise BadRequest(
                f"a batch has at most {settings.batch_limit} items, this one has {len(request.items)}"
            )
        creates = [index for index, item in enumerate(request.items) if _creates_object(item)]
        others = [index for index, item in enumerate(request.items) if not _creates_object(item)]
        created, changed = await asyncio.gather(
            self._create_all([request.items[index].create for index in creates]),
            self._each([request.items[index] for index in others]),
        )
        outcomes = dict(zip((*creates, *others), (*created, *changed), strict=True))
        return wire.BatchResponse(outcomes=[outcomes[index] for index in range(len(request.items))])

    async def _create_all(self, requests: Sequence[wire.CreateRequest]) -> list[wire.BatchOutcome]:
        """Objects are created together: that is several times as fast as one by one."""
        outcomes: list[wire.BatchOutcome] = []
        new: dict[int, tuple[NewObject, tuple[str, ...]]] = {}
        for index, request in enumerate(requests):
            outcomes.append(wire.BatchOutcome())
            try:
                new[index] = self._new(request)
            except ApiError as error:
                outcomes[index].failed.CopyFrom(error.status())
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        results = await self._api.create_all([made for made, _ in new.values()])
        for (index, (made, warnings)), result in zip(new.items(), results, strict=True):
            if isinstance(result, ApiError):
                outcomes[index].failed.CopyFrom(result.status())
            else:
                outcomes[index].done.CopyFrom(response(made.kind, result, warnings))
        return outcomes

    async def _each(self, items: Sequence[wire.BatchItem]) -> list[wire.BatchOutcome]:
        """Writes of all other sorts, so many at once."""
        limit = asyncio.Semaphore(self._api.settings.batch_concurrency)

        async def one(item: wire.BatchItem) -> wire.BatchOutcome:
            async with limit:
                try:
                    return wire.BatchOutcome(done=await self._one(item))
                except ApiError as error:
                    return wire.BatchOutcome(failed=error.status())

        return list(await asyncio.gather(*map(one, items)))


def _creates_object(item: wire.BatchItem) -> bool:
    return item.WhichOneof("write") == "create" and not item.create.subresource
