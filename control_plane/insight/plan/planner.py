"""Makes plans: a fork, the documents on it, and a run until all is at rest. It reads the cluster and writes
to the fork alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from control_plane.api.settings import ApiSettings
from control_plane.insight.pictures import Pictures
from control_plane.insight.plan.documents import MOST_PODS, Document
from control_plane.insight.plan.fork import forked
from control_plane.insight.plan.gathering import gather
from control_plane.insight.plan.run import Run
from control_plane.objects.interface import Objects
from knarr.clock import Clock
from knarr.errors import BadRequest, NotFound, Subject
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire


@dataclass(frozen=True, slots=True)
class Planner:
    """See the module's docstring."""

    objects: Objects
    pictures: Pictures
    clock: Clock
    settings: ApiSettings = field(default_factory=ApiSettings)

    async def plan(self, documents: Sequence[Document], without: Sequence[str]) -> wire.PlanResponse:
        """What applying the documents, with those nodes gone, would do. Raises NotFound for a node that there
        is not, BadRequest for more pods than can be followed; what is refused of the documents is part of the
        answer."""
        for name in without:
            if self.objects.get(core.Node, "", name) is None:
                raise NotFound(f'nodes "{name}" not found', subject=Subject(kind="nodes", name=name))
        begin = gather(self.objects, [document.key for document in documents])
        async with forked(begin, self.clock.now(), self.settings) as fork:
            run = Run(self.objects, self.pictures, fork, tuple(without))
            wanted = 0
            for document in documents:
                wanted += await run.apply(document)
            if wanted > MOST_PODS:
                raise BadRequest(f"the documents ask for {wanted} pods: a plan follows at most {MOST_PODS}")
            return await run.finish(self.clock)
