"""Carries questions out: gathers facts on the event loop, thinks in the picture's thread. No transport."""

from google.protobuf.message import Message

from control_plane.insight.pictures import Pictures
from control_plane.insight.why.facts import budgets_of, pod_facts, priority_classes
from control_plane.insight.why.pending import pending
from control_plane.insight.why.pods import add_happenings, diagnose, needs_node
from control_plane.objects.interface import Objects
from control_plane.scheduler.profiles import Profiles
from knarr.api.kinds import Kind
from knarr.clock import Clock
from knarr.errors import NotFound, Subject
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire


class Insight:
    """See the package's docstring."""

    def __init__(self, objects: Objects, profiles: Profiles, clock: Clock) -> None:
        self._objects, self._clock = objects, clock
        self._pictures = Pictures(objects, profiles, clock)

    async def run(self) -> None:
        """Until cancelled."""
        await self._pictures.run()

    async def why(self, kind: Kind, namespace: str, name: str) -> wire.WhyResponse:
        """Why the object is not as it should be; raises NotFound, TooManyRequests."""
        obj = self._objects.get(kind.message, namespace if kind.namespaced else "", name)
        if obj is None:
            raise NotFound(f'{kind.plural} "{name}" not found', subject=Subject(kind=kind.plural, name=name))
        return await self._why(kind, obj)

    async def _why(self, kind: Kind, obj: Message) -> wire.WhyResponse:
        if isinstance(obj, core.Pod):
            return await self._why_pod(obj)
        return wire.WhyResponse()

    async def _why_pod(self, pod: core.Pod) -> wire.WhyResponse:
        facts = pod_facts(self._objects, pod, self._clock.now())
        if not needs_node(pod):
            return diagnose(facts)
        budgets, classes = budgets_of(self._objects), priority_classes(self._objects)
        answer = await self._pictures.ask(lambda picture: pending(picture, pod, budgets, classes))
        add_happenings(answer, facts.events)
        return answer
