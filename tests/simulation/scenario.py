"""A story from one seed: what people do and what goes wrong, then quiet, then everything must be right."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from control_plane.api.api import WriteOptions
from control_plane.objects.interface import DeleteOptions, Propagation
from control_plane.wiring import ControlPlane
from knarr.api.kinds import DEPLOYMENT, POD, POD_GROUP
from knarr.clock import Clock
from knarr.errors import AlreadyExists, ApiError, NotFound, Timeout
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from node_agent.runtime.interface import Phase, Role
from tests.simulation.cluster import SimCluster
from tests.simulation.invariants import Violation, always, in_the_end, pods_of
from tests.simulation.workloads import group, made

CHECK_EVERY_S = 0.25
QUIET_LIMIT_S = 240.0
GANG = "train"
OPTIONS = WriteOptions("people")
Deed = Callable[[], Awaitable[None]]
MAX_CPU_MILLIS = 1600  # asked for in all by every node's share: what one node less can still carry


@dataclass(slots=True)
class Story:
    """One run."""

    cluster: SimCluster
    rng: random.Random
    clock: Clock
    wanted: dict[str, int] = field(default_factory=dict)  # acknowledged: deployment -> replicas
    unsure: set[str] = field(default_factory=set)  # deployments whose last write was not acknowledged
    log: list[str] = field(default_factory=list)
    _number: int = 0

    async def run(self) -> None:
        """Raises Violation."""
        await self.cluster.start()
        checking = asyncio.create_task(self._check(), name="invariants")
        try:
            await asyncio.sleep(3)
            for _ in range(self.rng.randint(8, 20)):
                await self._step()
                await asyncio.sleep(self.rng.choice((0.05, 0.5, 1, 3, 8)))
                if checking.done():
                    checking.result()
            await self._calm()
            await self._settle(checking)
        finally:
            checking.cancel()
            await self.cluster.stop()

    async def _check(self) -> None:
        while True:
            always(self.cluster)
            self.also_always()
            await asyncio.sleep(CHECK_EVERY_S)

    def people(self) -> list[Deed]:
        """What they may do next."""
        return [
            self._deploy,
            self._train,
            self._scale,
            self._scale,
            self._change,
            self._delete_pod,
            self._undeploy,
        ]

    def also_always(self) -> None:
        """What more must hold at every moment; raises Violation."""

    def complaint(self) -> str:
        """What is not yet as it shall be in the end, or ""."""
        return in_the_end(self.cluster, self.wanted)

    async def _step(self) -> None:
        faults: list[Deed] = [
            self._crash_agent,
            self._crash_replica,
            self._cut_line,
            self._container_ends,
            self._store_away,
            self._bad_weather,
        ]
        deed = self.rng.choice(self.people() if self.rng.random() < 0.6 else faults)
        self.say(deed.__name__.strip("_"))
        await deed()

    def say(self, text: str) -> None:
        self.log.append(f"{self.clock.monotonic():8.2f} {text}")

    # what people do

    async def _deploy(self) -> None:
        if self._asked() >= MAX_CPU_MILLIS * (len(self.cluster.nodes) - 1):
            return
        self._number += 1
        name, replicas = f"web-{self._number}", self.rng.randint(1, 6)
        deployment = made(name, replicas, "app:1")

        async def create() -> None:
            plane = self._plane()
            await plane.api.create(DEPLOYMENT, "default", deployment, OPTIONS)

        await self._write(name, create, replicas)

    async def _train(self) -> None:
        """A gang: its pods run together, or none does."""
        replicas = self.rng.randint(2, 4)
        if self._asked() + replicas * 200 >= MAX_CPU_MILLIS * (len(self.cluster.nodes) - 1):
            return
        self._number += 1
        name = f"{GANG}-{self._number}"
        deployment = made(name, replicas, "app:1")
        deployment.spec.template.spec.schedulingGroup.podGroupName = name

        async def create() -> None:
            plane = self._plane()
            await plane.api.create(POD_GROUP, "default", group(name, replicas), OPTIONS)
            await plane.api.create(DEPLOYMENT, "default", deployment, OPTIONS)

        await self._write(name, create, replicas)

    async def _scale(self) -> None:
        name = self._some()
        if name is None or name.startswith(GANG):  # a gang of fewer pods than it needs would wait for ever
            return
        replicas = self.rng.randint(0, 6)

        def change(current: object) -> apps.Deployment:
            assert isinstance(current, apps.Deployment)
            current.spec.replicas = replicas
            return current

        async def scale() -> None:
            await self._plane().api.change(DEPLOYMENT, "default", name, change, OPTIONS)

        await self._write(name, scale, replicas)

    async def _change(self) -> None:
        name = self._some()
        if name is None:
            return
        image = f"app:{self.rng.randint(2, 9)}"

        def change(current: object) -> apps.Deployment:
            assert isinstance(current, apps.Deployment)
            current.spec.template.spec.containers[0].image = image
            return current

        try:
            await self._plane().api.change(DEPLOYMENT, "default", name, change, OPTIONS)
        except ApiError as error:
            self.say(f"  {type(error).__name__}")

    async def _delete_pod(self) -> None:
        pods = pods_of(self.cluster.backend)
        if not pods:
            return
        pod = self.rng.choice(pods)
        try:
            await self._plane().api.delete(POD, "default", pod.metadata.name, DeleteOptions())
        except ApiError as error:
            self.say(f"  {type(error).__name__}")

    async def _undeploy(self) -> None:
        name = self._some()
        if name is None or self.rng.random() < 0.5:
            return
        options = DeleteOptions(propagation=Propagation.BACKGROUND)

        async def delete() -> None:
            await self._plane().api.delete(DEPLOYMENT, "default", name, options)

        await self._write(name, delete, None)

    async def _write(self, name: str, write: Callable[[], Awaitable[None]], replicas: int | None) -> None:
        """Do a write and remember what was acknowledged."""
        try:
            await write()
        except (Timeout, AlreadyExists, NotFound):
            self.unsure.add(name)
        except ApiError as error:
            self.say(f"  {type(error).__name__}")
        else:
            self.unsure.discard(name)
            if replicas is None:
                self.wanted.pop(name, None)
            else:
                self.wanted[name] = replicas

    def _plane(self) -> ControlPlane:
        plane = self.cluster.plane()
        if plane is None:
            raise Timeout("no replica runs")
        return plane

    def _some(self) -> str | None:
        names = sorted(self.wanted)
        return self.rng.choice(names) if names else None

    def _asked(self) -> int:
        return sum(self.wanted.values()) * 200

    # what goes wrong

    async def _crash_agent(self) -> None:
        name = self.rng.choice(sorted(self.cluster.nodes))
        await self.cluster.crash_agent(name)
        await asyncio.sleep(self.rng.choice((0, 0.5, 3, 15)))
        self.cluster.start_agent(name)

    async def _crash_replica(self) -> None:
        if not self.cluster.replicas:
            return
        name = self.rng.choice(sorted(self.cluster.replicas))
        await self.cluster.crash_replica(name)
        await asyncio.sleep(self.rng.choice((0, 0.5, 3, 15)))
        self.cluster.start_replica(name)

    async def _cut_line(self) -> None:
        line = self.cluster.nodes[self.rng.choice(sorted(self.cluster.nodes))].line
        line.cut = True
        await asyncio.sleep(self.rng.choice((0.5, 3, 8, 20)))
        line.cut = False

    async def _container_ends(self) -> None:
        node = self.cluster.nodes[self.rng.choice(sorted(self.cluster.nodes))]
        running = [state for state in node.host.containers() if state.phase is Phase.RUNNING]
        if running:
            state = self.rng.choice(running)
            self.say(f"  {'infra' if state.identity.role is Role.INFRA else 'member'}")
            node.host.kill(state.id, self.rng.choice((0, 1, 137)))

    async def _store_away(self) -> None:
        self.cluster.weather.store_down = True
        await asyncio.sleep(self.rng.choice((0.2, 1, 5, 12)))
        self.cluster.weather.store_down = False

    async def _bad_weather(self) -> None:
        weather = self.cluster.weather
        weather.ambiguous = self.rng.choice((0.0, 0.05, 0.2))
        weather.break_line = self.rng.choice((0.0, 0.02, 0.1))
        weather.latest_s = self.rng.choice((0.02, 0.5, 2.0))

    # and then

    async def _calm(self) -> None:
        self.say("calm")
        weather = self.cluster.weather
        weather.store_down, weather.ambiguous, weather.break_line, weather.latest_s = False, 0.0, 0.0, 0.02
        for name, node in sorted(self.cluster.nodes.items()):
            node.line.cut = False
            if node.agent is None:
                self.cluster.start_agent(name)

    async def _settle(self, checking: "asyncio.Task[None]") -> None:
        await asyncio.sleep(1)
        await self._ask_again()
        deadline = self.clock.monotonic() + QUIET_LIMIT_S
        complaint = ""
        while self.clock.monotonic() < deadline:
            if checking.done():
                checking.result()
            complaint = self.complaint()
            if not complaint:
                self.say("settled")
                return
            await asyncio.sleep(1)
        raise Violation(f"not settled {QUIET_LIMIT_S:g} s after the last fault: {complaint}")

    async def _ask_again(self) -> None:
        """What was not acknowledged may have been done: look, as a person would."""
        for name in sorted(self.unsure):
            while True:
                try:
                    found = await self._plane().api.get(DEPLOYMENT, "default", name)
                    assert isinstance(found, apps.Deployment)
                    self.wanted[name] = found.spec.replicas
                    break
                except NotFound:
                    self.wanted.pop(name, None)
                    break
                except ApiError:
                    await asyncio.sleep(0.5)
