"""Streams of the server: one watch as it comes, and a watch that is resumed when its connection is lost."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import grpc.aio

from knarr.backoff import Backoff
from knarr.client import calls
from knarr.client.servers import Servers
from knarr.errors import ApiError, InternalError, Timeout, TooManyRequests, Unavailable, from_status
from knarr.proto.services import object_service_pb2 as wire

Batches = AsyncGenerator[Sequence[wire.WatchEvent], None]

# A quiet watch gets a bookmark each minute. One that hears nothing for so long is dead, whatever the
# transport believes.
STALLED_S = 180.0
STEADY_S = 5.0  # a stream that lived so long was no failed attempt

# What is worth another try, at another server perhaps.
LOST = (Unavailable, TooManyRequests, Timeout, InternalError, TimeoutError)


async def batches(servers: Servers, request: wire.WatchRequest) -> Batches:
    """One watch, over one connection, until the server ends it. Raises ApiError: of an ERROR event, or of a
    connection that broke."""
    link = await servers.link()
    call = link.objects.Watch(request)
    try:
        while True:
            with servers.call():
                batch = await call.read()
            if batch is grpc.aio.EOF:
                return
            assert isinstance(batch, wire.WatchBatch)
            events = batch.events
            if events[-1].type != wire.WatchEvent.ERROR:
                yield events
                continue
            if len(events) > 1:
                yield events[:-1]
            raise from_status(events[-1].status)
    except grpc.aio.AioRpcError as error:
        servers.failed(link)
        raise calls.api_error(error) from error
    finally:
        call.cancel()


async def resumed(
    open_at: Callable[[str], Batches],
    version: str,
    patience_s: float,
    rng: random.Random,
    on_lost: Callable[[ApiError], object] | None = None,
) -> Batches:
    """A watch that begins again after the last event that it had, at whichever server answers.

    Raises Expired when the servers have forgotten that version, what a request can be refused with, and the
    last error when for `patience_s` no watch could be had. `on_lost` is told of the first failure after each
    time that there was one.
    """
    loop = asyncio.get_running_loop()
    backoff = Backoff(rng, 0.1, 5.0)
    failing_since: float | None = None
    while True:
        began = loop.time()
        reason: ApiError | None = None
        try:
            async with aclosing(open_at(version)) as stream:
                while (events := await _next(stream)) is not None:
                    version = events[-1].resource_version or version
                    failing_since = None
                    backoff.reset()
                    yield events
        except LOST as error:
            reason = _reason(error)
        now = loop.time()
        if reason is None or now - began > STEADY_S:
            failing_since = None
            backoff.reset()
        if reason is not None:
            if failing_since is None and on_lost is not None:
                on_lost(reason)
            failing_since = now if failing_since is None else failing_since
            if now - failing_since >= patience_s:
                raise reason
        await asyncio.sleep(backoff.next_s())


async def _next(stream: Batches) -> Sequence[wire.WatchEvent] | None:
    async with asyncio.timeout(STALLED_S):
        return await anext(stream, None)


def _reason(error: Exception) -> ApiError:
    return error if isinstance(error, ApiError) else Unavailable("the watch was silent for too long")
