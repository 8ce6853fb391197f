"""The client's questions: why something does not run, what a change would do."""

from collections.abc import Sequence

from knarr.client.caller import Caller
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.insight_service_pb2_grpc import InsightServiceStub
from knarr.proto.services.object_service_pb2 import ApplyRequest, Reference


class InsightCalls(Caller):
    """The part of Client that asks InsightService."""

    async def why(self, reference: Reference) -> wire.WhyResponse:
        """Why the object is not as it should be; raises NotFound."""
        request = wire.WhyRequest(reference=reference)
        return await self._attempts.read(
            lambda link, left_s: InsightServiceStub(link.channel).Why(request, timeout=left_s)
        )

    async def plan(
        self, documents: Sequence[ApplyRequest], without_nodes: Sequence[str] = ()
    ) -> wire.PlanResponse:
        """What applying the documents, with those nodes gone, would do; raises BadRequest, NotFound (a node).
        Nothing is written."""
        request = wire.PlanRequest(documents=documents, without_nodes=without_nodes)
        return await self._attempts.read(
            lambda link, left_s: InsightServiceStub(link.channel).Plan(request, timeout=left_s)
        )

    async def scheduler_configuration(self) -> str:
        """The KubeSchedulerConfiguration that the server was started with, as YAML; "" for none."""
        answer = await self._attempts.read(
            lambda link, left_s: InsightServiceStub(link.channel).Scheduling(
                wire.SchedulingRequest(), timeout=left_s
            )
        )
        return answer.configuration
