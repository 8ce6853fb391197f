"""Logs through the client, from a server that says what the test tells it to."""

import contextlib
from collections.abc import AsyncIterator, Sequence

import grpc.aio
import pytest

from control_plane.server.errors import abort
from knarr import transport
from knarr.client import Client
from knarr.errors import ApiError, BadRequest
from knarr.proto.services import pod_service_pb2 as wire
from knarr.proto.services.pod_service_pb2_grpc import PodServiceServicer, add_PodServiceServicer_to_server

Context = grpc.aio.ServicerContext[wire.LogsRequest, wire.LogsChunk]


class Logs(PodServiceServicer):
    """Answers each request with the same chunks, and then perhaps an error."""

    def __init__(self, chunks: Sequence[bytes], error: ApiError | None = None) -> None:
        self.asked: list[wire.LogsRequest] = []
        self._chunks = chunks
        self._error = error

    async def Logs(self, request: wire.LogsRequest, context: Context) -> AsyncIterator[wire.LogsChunk]:
        self.asked.append(request)
        for chunk in self._chunks:
            yield wire.LogsChunk(data=chunk)
        if self._error is not None:
            await abort(context, self._error)


@contextlib.asynccontextmanager
async def serving(logs: Logs) -> AsyncIterator[Client]:
    server, port = transport.server("127.0.0.1:0")
    add_PodServiceServicer_to_server(logs, server)
    await server.start()
    try:
        async with Client.connect([f"127.0.0.1:{port}"]) as client:
            yield client
    finally:
        await server.stop(0.5)


async def test_lines_are_put_together_from_chunks() -> None:
    logs = Logs([b"one\ntw", b"o\n\xff\n", b"last"])
    async with serving(logs) as client:
        found = [line async for line in client.log_lines("n", "p", container="c", tail=5, timestamps=True)]
    assert found == ["one", "two", "\ufffd", "last"]
    assert logs.asked == [
        wire.LogsRequest(namespace="n", name="p", container="c", tail_lines=5, timestamps=True)
    ]


async def test_an_empty_log_has_no_lines() -> None:
    async with serving(Logs([])) as client:
        assert [line async for line in client.log_lines("n", "p")] == []


async def test_what_came_before_an_error_is_told_and_then_the_error() -> None:
    told: list[bytes] = []

    async def read(client: Client) -> None:
        async for data in client.logs(wire.LogsRequest(namespace="n", name="p")):
            told.append(data)

    async with serving(Logs([b"a"], BadRequest("container c has ended"))) as client:
        with pytest.raises(BadRequest, match="container c has ended"):
            await read(client)
    assert told == [b"a"]
