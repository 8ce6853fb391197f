"""An API in this process, and plans about it."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from control_plane.api.messages import metadata
from control_plane.controllers.actions import Create
from control_plane.controllers.apply import Applier, ApplySettings
from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.loop import Controller
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.insight.insight import Insight
from control_plane.insight.plan.documents import Document
from control_plane.insight.plan.rehearsal import Silence
from control_plane.objects.interface import Binding
from control_plane.scheduler.profiles import Profiles
from control_plane.store.memory import MemoryStore
from knarr.api import kinds
from knarr.api.codec import object_from_dict
from knarr.clock import SystemClock
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import insight_service_pb2 as wire
from tests.support.api import OPTIONS, ApiWorld, ManualClock, api_world
from tests.unit.control_plane.scheduler.objects_for_scheduling import make_node, make_pod


def document(value: Mapping[str, Any], manager: str = "tests", force: bool = False) -> Document:
    obj = object_from_dict(value).strict()
    own = metadata(obj)
    return Document(kinds.of(obj), own.namespace, own.name, value, manager, force)


class World:
    """An API with nodes, and what is asked about it."""

    def __init__(self, api: ApiWorld) -> None:
        self.api = api
        self.insight = Insight(api.objects, Profiles(), ManualClock(SystemClock().now()))  # nobody is hurried

    @property
    def revision(self) -> int:
        assert isinstance(self.api.store, MemoryStore)
        return self.api.store.backend.revision

    async def make(self, value: Mapping[str, Any]) -> None:
        obj = object_from_dict(value).strict()
        await self.api.api.create(kinds.of(obj), metadata(obj).namespace, obj, OPTIONS)

    async def node(self, name: str, **more: Any) -> None:
        node = make_node(name, **more)
        await self.api.writer.create(node)
        found = self.api.objects.get(core.Node, "", name)
        assert found is not None
        found.status.CopyFrom(node.status)
        await self.api.writer.update_status(found)

    async def running(self, name: str, node: str, **more: Any) -> None:
        made = await self.api.writer.create(make_pod(name, node=node, **more))
        made.status.phase = "Running"
        made.status.conditions.add(type="Ready", status="True")
        await self.api.writer.update_status(made)

    async def roll_out(self, node: str) -> None:
        """The pods of all deployments run, as their controllers and the node's agent would have it."""
        controllers: tuple[Controller[Any], ...] = (DeploymentController(), ReplicaSetController())
        for controller in controllers:
            for key in list(self.api.objects.keys(controller.primaries[0])):
                snapshot = controller.snapshot(self.api.objects, key, None)
                actions = controller.decide(snapshot, SystemClock().now())
                writes = [one for one in actions if isinstance(one, Create)]
                await Applier(self.api.writer, Silence(), ApplySettings()).apply(writes)
        for pod in self.api.objects.list(core.Pod, "default"):
            own = pod.metadata
            await self.api.writer.bind([Binding(own.namespace, own.name, own.uid, node)])
            bound = self.api.objects.get(core.Pod, own.namespace, own.name)
            assert bound is not None
            bound.status.phase = "Running"
            bound.status.conditions.add(type="Ready", status="True").lastTransitionTime.seconds = 1
            await self.api.writer.update_status(bound)

    async def plan(self, *values: Mapping[str, Any], without: Sequence[str] = ()) -> wire.PlanResponse:
        before = self.revision
        answer = await self.insight.plan([document(value) for value in values], without)
        assert self.revision == before, "a plan has written"
        return answer


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with api_world() as api:
        yield World(api)
