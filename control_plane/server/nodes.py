"""NodeService over gRPC: hands agents' calls to the node sessions."""

import asyncio
from collections.abc import AsyncIterator

import grpc.aio

from control_plane.nodes.sessions import NodeSessions
from control_plane.server.errors import abort
from control_plane.server.streams import ServedConnection
from knarr.errors import ApiError
from knarr.proto.services import node_service_pb2 as wire
from knarr.proto.services.node_service_pb2_grpc import NodeServiceServicer
from knarr.session import ConnectionEnded

FIRST_FRAME_TIMEOUT_S = 10.0

SessionContext = grpc.aio.ServicerContext[wire.AgentMessage, wire.ServerMessage]
StreamContext = grpc.aio.ServicerContext[wire.StreamFrame, wire.StreamFrame]


class NodeServicer(NodeServiceServicer):
    """Serves agents."""

    def __init__(self, sessions: NodeSessions) -> None:
        self._sessions = sessions

    async def Bootstrap(
        self,
        request: wire.BootstrapRequest,
        context: grpc.aio.ServicerContext[wire.BootstrapRequest, wire.BootstrapResponse],
    ) -> wire.BootstrapResponse:
        try:
            return self._sessions.bootstrap(request)
        except ApiError as error:
            await abort(context, error)
            raise

    async def Session(  # type: ignore[override]
        self, request_iterator: AsyncIterator[wire.AgentMessage], context: SessionContext
    ) -> None:
        connection: ServedConnection[wire.ServerMessage, wire.AgentMessage] = ServedConnection(context)
        try:
            await self._sessions.serve(connection)
        except ApiError as error:
            await abort(context, error)

    async def Stream(  # type: ignore[override]
        self, request_iterator: AsyncIterator[wire.StreamFrame], context: StreamContext
    ) -> None:
        connection: ServedConnection[wire.StreamFrame, wire.StreamFrame] = ServedConnection(context)
        try:
            async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S):
                first = await connection.receive()
        except (TimeoutError, ConnectionEnded):
            return
        if self._sessions.streams.attach(first.stream_id, connection):
            await connection.serving()
