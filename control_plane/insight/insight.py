"""Carries questions out: gathers facts on the event loop, thinks in the picture's thread. No transport."""

import asyncio
from collections.abc import Sequence

from google.protobuf.message import Message

from control_plane.api.messages import metadata
from control_plane.api.settings import ApiSettings
from control_plane.insight.pictures import Pictures
from control_plane.insight.plan.documents import Document
from control_plane.insight.plan.planner import Planner
from control_plane.insight.why import others, workloads
from control_plane.insight.why.claims import claim
from control_plane.insight.why.facts import events_of, pod_facts, priority_classes
from control_plane.insight.why.families import jobs_of, pods_of
from control_plane.insight.why.groups import pod_group
from control_plane.insight.why.pending import pending
from control_plane.insight.why.pods import add_happenings, diagnose, needs_node
from control_plane.insight.why.workloads import workload_of
from control_plane.objects.interface import Objects
from control_plane.scheduler.profiles import Profiles
from knarr.api.kinds import JOB, Kind
from knarr.clock import Clock
from knarr.errors import NotFound, Subject, Timeout
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling
from knarr.proto.kubernetes import storage_v1_pb2 as storage
from knarr.proto.services import insight_service_pb2 as wire

PLAN_TIMEOUT_S = 25.0
PLANS_AT_ONCE = 2  # each holds a copy of what it is about


class Insight:
    """See the package's docstring."""

    def __init__(
        self, objects: Objects, profiles: Profiles, clock: Clock, settings: ApiSettings | None = None
    ) -> None:
        self._objects, self._clock = objects, clock
        self._pictures = Pictures(objects, profiles, clock)
        self._planner = Planner(objects, self._pictures, clock, settings or ApiSettings())
        self._planning = asyncio.Semaphore(PLANS_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled."""
        await self._pictures.run()

    async def why(self, kind: Kind, namespace: str, name: str) -> wire.WhyResponse:
        """Why the object is not as it should be; raises NotFound, TooManyRequests."""
        obj = self._objects.get(kind.message, namespace if kind.namespaced else "", name)
        if obj is None:
            raise NotFound(f'{kind.plural} "{name}" not found', subject=Subject(kind=kind.plural, name=name))
        return await self._why(kind, obj)

    async def plan(self, documents: Sequence[Document], without: Sequence[str]) -> wire.PlanResponse:
        """What applying the documents, with those nodes gone, would do. Raises NotFound for a node that there
        is not, TooManyRequests, Timeout."""
        try:
            async with asyncio.timeout(PLAN_TIMEOUT_S), self._planning:
                return await self._planner.plan(documents, without)
        except TimeoutError as error:
            raise Timeout(
                f"the plan is not finished after {PLAN_TIMEOUT_S:g} s: plan less at once"
            ) from error

    async def _why(self, kind: Kind, obj: Message) -> wire.WhyResponse:
        match obj:
            case core.Pod():
                return await self._why_pod(obj)
            case batch.CronJob():
                answer, job = others.cron_job(obj, jobs_of(self._objects, obj))
                return answer if job is None else _with(answer, await self._why(JOB, job))
            case core.Service():
                pods = pods_of(self._objects, obj)
                strangers = () if pods else self._objects.list(core.Pod, obj.metadata.namespace)
                answer, worst = others.service(obj, pods, strangers)
            case core.Node():
                answer, worst = others.node(obj), None
            case core.PersistentVolumeClaim():
                storage_class = self._objects.get(storage.StorageClass, "", obj.spec.storageClassName)
                volumes = self._objects.list(core.PersistentVolume)
                answer, worst = claim(obj, storage_class, volumes, pods_of(self._objects, obj))
            case scheduling.PodGroup():
                answer, worst = pod_group(obj, pods_of(self._objects, obj))
            case _:
                answer, worst = self._why_workload(kind, obj)
        own = metadata(obj)
        add_happenings(answer, events_of(self._objects, own.namespace, own.name, own.uid))
        return answer if worst is None else _with(answer, await self._why_pod(worst))

    def _why_workload(self, kind: Kind, obj: Message) -> tuple[wire.WhyResponse, core.Pod | None]:
        workload = workload_of(obj)
        if workload is None:
            return others.other(kind, obj), None
        return workloads.diagnose(kind, workload, pods_of(self._objects, obj))

    async def _why_pod(self, pod: core.Pod) -> wire.WhyResponse:
        facts = pod_facts(self._objects, pod, self._clock.now())
        if not needs_node(pod):
            return diagnose(facts)
        classes = priority_classes(self._objects)
        answer = await self._pictures.ask(lambda picture: pending(picture, pod, classes))
        add_happenings(answer, facts.events)
        return answer


def _with(answer: wire.WhyResponse, worst: wire.WhyResponse) -> wire.WhyResponse:
    """The answer with that about the pod that fares worst, whose verdict it may take over: it knows more."""
    if answer.verdict in (wire.UNSCHEDULABLE, wire.PROGRESSING, wire.WELL):
        answer.verdict = worst.verdict
    answer.worst.CopyFrom(worst)
    return answer
