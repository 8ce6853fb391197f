"""The controllers on their loops over the real API and a store in memory: a rollout from end to end."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from control_plane.api.api import Api
from control_plane.api.writer import ApiWriter
from control_plane.controllers import standard_controllers
from control_plane.controllers.loop import ControllerLoop
from control_plane.controllers.metrics import ControllerMetrics
from control_plane.objects.cache import CachedObjects
from control_plane.objects.interface import Binding, DeleteOptions, Propagation
from control_plane.objects.recorder import EventRecorder
from control_plane.store.memory import MemoryStore
from knarr.api.kinds import DEPLOYMENT, KINDS, NAMESPACE, POD
from knarr.clock import SeededIds, SystemClock
from knarr.errors import NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from tests.support.waiting import until


class AllConnected:
    """Sessions of all nodes."""

    started_at = 0.0

    def last_seen(self, node_name: str) -> float | None:
        return float("inf")

    def listen(self, listener: Callable[[str, object], None]) -> Callable[[], None]:
        return lambda: None


@dataclass
class Plane:
    """A control plane without a scheduler; `obey` plays scheduler and agents."""

    rng: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        clock = SystemClock()
        self.store = MemoryStore()
        self.objects = CachedObjects(self.store, KINDS, self.rng)
        self.api = Api(self.store, self.objects, clock, SeededIds(3), self.rng)
        self.writer = ApiWriter(self.api, clock)
        self.recorder = EventRecorder(self.writer, clock, self.rng)
        metrics = ControllerMetrics(CollectorRegistry())
        self.loops = [
            ControllerLoop(one, self.objects, self.writer, self.recorder, clock, self.rng, metrics)
            for one in standard_controllers(clock, AllConnected())
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(work)
                for work in (
                    self.objects.run(),
                    self.recorder.run(),
                    self.obey(),
                    *(loop.run() for loop in self.loops),
                )
            ]
            await self.objects.synced()
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
        await self.store.close()

    async def obey(self) -> None:
        """Bind what is unbound, make ready what is not, stop what is to stop."""
        await self.objects.synced()
        while True:
            await asyncio.sleep(0.02)
            for pod in self.objects.list(core.Pod):
                own = pod.metadata
                try:
                    if own.HasField("deletionTimestamp"):
                        options = DeleteOptions(grace_period_s=0, uid=own.uid)
                        await self.writer.delete(POD, own.namespace, own.name, options)
                    elif not pod.spec.nodeName:
                        await self.writer.bind([Binding(own.namespace, own.name, own.uid, "alpha")])
                    elif not pod.status.containerStatuses:
                        pod.status.phase = "Running"
                        pod.status.containerStatuses.add(name="web", ready=True)
                        pod.status.conditions.add(type="Ready", status="True")
                        await self.writer.update_status(pod)
                except NotFound:
                    continue


def deployment(replicas: int) -> apps.Deployment:
    obj = apps.Deployment()
    obj.metadata.name, obj.metadata.namespace = "web", "shop"
    obj.spec.replicas = replicas
    obj.spec.selector.matchLabels["app"] = "web"
    obj.spec.template.metadata.labels["app"] = "web"
    obj.spec.template.spec.containers.add(name="web", image="web:1")
    return obj


async def test_a_deployment_rolls_out_scales_and_goes_with_its_namespace() -> None:
    plane = Plane()
    async with plane.running():
        namespace, node = core.Namespace(), core.Node()
        namespace.metadata.name, node.metadata.name = "shop", "alpha"
        node.status.conditions.add(type="Ready", status="True")
        await plane.writer.create(namespace)
        await plane.writer.create(node)
        await plane.writer.create(deployment(3))

        def status() -> apps.DeploymentStatus:
            found = plane.objects.get(apps.Deployment, "shop", "web")
            return found.status if found is not None else apps.DeploymentStatus()

        def complete(replicas: int, image: str) -> bool:
            pods = plane.objects.list(core.Pod, "shop")
            images = {pod.spec.containers[0].image for pod in pods}
            now = status()
            return len(pods) == replicas == now.availableReplicas == now.updatedReplicas and images == {image}

        await until(lambda: complete(3, "web:1"))

        async def change(replicas: int, image: str) -> None:
            current = await plane.api.get(DEPLOYMENT, "shop", "web")
            assert isinstance(current, apps.Deployment)
            current.metadata.resourceVersion = ""
            current.spec.replicas = replicas
            current.spec.template.spec.containers[0].image = image
            await plane.writer.update(current)

        await change(5, "web:2")
        await until(lambda: complete(5, "web:2"))
        await until(lambda: "NewReplicaSetAvailable" in {one.reason for one in status().conditions})
        found = plane.objects.get(apps.Deployment, "shop", "web")
        assert found is not None
        assert found.metadata.annotations["deployment.kubernetes.io/revision"] == "2"
        await until(lambda: any(one.reason == "SuccessfulCreate" for one in plane.objects.list(core.Event)))

        await plane.writer.delete(
            DEPLOYMENT, "shop", "web", DeleteOptions(propagation=Propagation.FOREGROUND)
        )
        await until(lambda: not plane.objects.list(apps.ReplicaSet) and not plane.objects.list(core.Pod))
        await until(lambda: plane.objects.get(apps.Deployment, "shop", "web") is None)

        await plane.writer.create(deployment(2))
        await until(lambda: complete(2, "web:1"))
        await plane.writer.delete(NAMESPACE, "", "shop", DeleteOptions())
        await until(lambda: plane.objects.get(core.Namespace, "", "shop") is None)
        assert not plane.objects.list(core.Pod)
        assert not plane.objects.list(apps.ReplicaSet)
