"""InsightService over gRPC: hands questions to those who answer them, and tells their errors."""

import asyncio
from typing import Any

import grpc.aio

from control_plane.api.patching import require_manager
from control_plane.insight.insight import Insight
from control_plane.insight.plan.documents import Document
from control_plane.server.answering import answered
from control_plane.server.bodies import kind_of, received
from control_plane.server.requests import check_reference
from knarr.errors import ApiError, BadRequest, TooLarge
from knarr.proto.services import insight_service_pb2 as wire
from knarr.proto.services.insight_service_pb2_grpc import InsightServiceServicer
from knarr.proto.services.object_service_pb2 import ApplyRequest, Reference

MOST_DOCUMENTS = 500
Context = grpc.aio.ServicerContext[Any, Any]


class InsightServicer(InsightServiceServicer):
    """Serves people's questions."""

    def __init__(self, insight: Insight, configuration: str = "") -> None:
        """`configuration`: the file of scheduling profiles, "" for none."""
        self._insight, self._configuration = insight, configuration

    async def Why(self, request: wire.WhyRequest, context: Context) -> wire.WhyResponse:
        return await answered(context, self._why(request.reference))

    async def Plan(self, request: wire.PlanRequest, context: Context) -> wire.PlanResponse:
        return await answered(context, self._plan(request))

    async def Scheduling(self, request: wire.SchedulingRequest, context: Context) -> wire.SchedulingResponse:
        return wire.SchedulingResponse(configuration=self._configuration)

    async def _plan(self, request: wire.PlanRequest) -> wire.PlanResponse:
        if len(request.documents) > MOST_DOCUMENTS:
            raise TooLarge(f"a plan is about {MOST_DOCUMENTS} documents at most")
        documents: list[Document] = []
        refused: dict[int, wire.ObjectPlan] = {}
        for number, asked in enumerate(request.documents):
            try:
                documents.append(planned(asked))
            except ApiError as error:
                refused[number] = wire.ObjectPlan(reference=asked.reference, refusal=error.status())
            await asyncio.sleep(0)  # a document may be large
        answer = await self._insight.plan(documents, list(dict.fromkeys(request.without_nodes)))
        told = list(answer.objects)
        for number, one in refused.items():
            told.insert(number, one)
        del answer.objects[:]
        answer.objects.extend(told)
        return answer

    async def _why(self, reference: Reference) -> wire.WhyResponse:
        return await self._insight.why(kind_of(reference), reference.namespace, reference.name)


def planned(request: ApplyRequest) -> Document:
    """What a request to apply asks for; raises BadRequest naming every field at fault."""
    kind = kind_of(request.reference)
    require_manager(request.options.field_manager)
    got = received(kind.message, request.body, request.options.field_validation)
    if got.value is None:
        raise BadRequest("apply takes JSON or YAML: protobuf cannot say which fields are meant")
    reference = check_reference(kind, request.reference, got.message)
    return Document(
        kind,
        reference.namespace,
        reference.name,
        got.value,
        request.options.field_manager,
        request.force,
        got.warnings,
    )
