"""The client's questions: why something does not run, what a change would do."""

from knarr.client.caller import Caller
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.insight_service_pb2_grpc import InsightServiceStub
from knarr.proto.services.object_service_pb2 import Reference


class InsightCalls(Caller):
    """The part of Client that asks InsightService."""

    async def why(self, reference: Reference) -> wire.WhyResponse:
        """Why the object is not as it should be; raises NotFound."""
        request = wire.WhyRequest(reference=reference)
        return await self._attempts.read(
            lambda link, left_s: InsightServiceStub(link.channel).Why(request, timeout=left_s)
        )
