"""InsightService over gRPC: hands questions to those who answer them, and tells their errors."""

from typing import Any

import grpc.aio

from control_plane.insight.insight import Insight
from control_plane.server.answering import answered
from control_plane.server.bodies import kind_of
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.insight_service_pb2_grpc import InsightServiceServicer
from knarr.proto.services.object_service_pb2 import Reference

Context = grpc.aio.ServicerContext[Any, Any]


class InsightServicer(InsightServiceServicer):
    """Serves people's questions."""

    def __init__(self, insight: Insight) -> None:
        self._insight = insight

    async def Why(self, request: wire.WhyRequest, context: Context) -> wire.WhyResponse:
        return await answered(context, self._why(request.reference))

    async def _why(self, reference: Reference) -> wire.WhyResponse:
        return await self._insight.why(kind_of(reference), reference.namespace, reference.name)
