"""An engine that runs nothing: containers are entries in a table that change with asyncio's time.

For tests and simulation. It is deterministic (no threads, no randomness, time by the Clock and the loop), and
held to the contract suite that the real engines are held to. A FakeHost is the machine: it outlives the
agents on it, and what people do behind an agent's back (kill, remove) is done on it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace

from knarr.clock import Clock
from node_agent.runtime.errors import EngineUnavailable, ImageFailure, NotFound, Refused
from node_agent.runtime.interface import (
    CommandResult,
    ContainerEvent,
    ContainerSpec,
    ContainerState,
    ImageState,
    LogOptions,
    Phase,
    Role,
)

KILLED = 137
TERMINATED = 143
_EVENTS_BUFFERED = 10_000


@dataclass(frozen=True, slots=True)
class Program:
    """What a container does once it is started."""

    runs_s: float | None = None  # None: until it is stopped
    exit_code: int = 0
    output: bytes = b""  # written at its start
    start_error: str = ""  # the engine cannot start it, and says so
    heeds_stop: bool = True  # ends when it is asked to
    stops_in_s: float = 0.0  # and takes so long for it
    oom: bool = False


Interference = Callable[[str, str], float]
"""(verb, subject) -> seconds by which the engine is late; may raise RuntimeFailure. Subject: a container's
id, for create its name in the pod, for images the image."""


def undisturbed(verb: str, subject: str) -> float:
    """No interference."""
    return 0.0


@dataclass(slots=True)
class _Container:
    owner: tuple[str, str]
    spec: ContainerSpec
    state: ContainerState
    log: list[tuple[float, bytes]] = field(default_factory=list)  # (time, line)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    exit: asyncio.TimerHandle | None = None


class FakeHost:
    """A machine with an engine. `program` says what a container does; `images` are on it; `registry` can be
    pulled from; `commands` are what exec finds."""

    def __init__(
        self,
        clock: Clock,
        *,
        program: Callable[[ContainerSpec], Program] = lambda spec: Program(),
        images: Mapping[str, ImageState] | None = None,
        registry: Mapping[str, ImageState] | None = None,
        commands: Mapping[tuple[str, ...], CommandResult] | None = None,
        interfere: Interference = undisturbed,
    ) -> None:
        self.program = program
        self.images: dict[str, ImageState] | None = None if images is None else dict(images)
        self.registry = dict(registry or {})
        self.commands = dict(commands or {})
        self.interfere = interfere
        self.reachable = True
        self.starts: list[ContainerState] = []  # every start that ever worked, for invariants
        self._clock = clock
        self._containers: dict[str, _Container] = {}
        self._subscribers: dict[asyncio.Queue[ContainerEvent | None], tuple[str, str]] = {}
        self._number = 0

    # What a person on the machine can do

    def containers(self) -> tuple[ContainerState, ...]:
        """All containers of all owners, oldest first."""
        return tuple(container.state for container in self._containers.values())

    def kill(self, container_id: str, exit_code: int = KILLED, *, oom: bool = False) -> None:
        """The container's process ends."""
        self._end(self._found(container_id), exit_code, oom)

    def remove(self, container_id: str) -> None:
        """As `docker rm -f`."""
        container = self._containers.get(container_id)
        if container is not None:
            self._end(container, KILLED, False)
            del self._containers[container_id]
            self._announce(container)

    def restart_machine(self) -> None:
        """Everything that runs ends at once, unheard."""
        self.disconnect()
        for container in self._containers.values():
            self._end(container, 255, False)

    def disconnect(self) -> None:
        """End all streams of events, as a restart of the engine does."""
        for queue in list(self._subscribers):
            queue.put_nowait(None)
        self._subscribers.clear()

    # What engines do

    async def step(self, verb: str, subject: str) -> None:
        """Pass the interference. Raises RuntimeFailure."""
        if not self.reachable:
            raise EngineUnavailable("the fake engine is switched off")
        delay_s = self.interfere(verb, subject)
        # Always let others run: a real engine never answers within one step of the loop.
        await asyncio.sleep(delay_s)

    def owned(self, owner: tuple[str, str]) -> list[ContainerState]:
        return [c.state for c in self._containers.values() if c.owner == owner]

    def create(self, owner: tuple[str, str], spec: ContainerSpec) -> str:
        for container in self._containers.values():
            known = container.spec.identity
            if (known.pod, known.container, known.attempt) == (
                spec.identity.pod,
                spec.identity.container,
                spec.identity.attempt,
            ):
                if known == spec.identity and container.owner == owner:
                    return container.state.id
                raise Refused("the name is already in use by another container")
        image = self.find(spec.image)
        if image is None:
            raise ImageFailure(f"No such image: {spec.image}")
        if spec.sandbox_id and spec.sandbox_id not in self._containers:
            raise Refused(f"cannot join the network of container {spec.sandbox_id}: no such container")
        self._number += 1
        state = ContainerState(
            id=f"{self._number:064x}",
            identity=spec.identity,
            phase=Phase.CREATED,
            image=spec.image,
            image_id=image.id,
            created_at=self._clock.now(),
        )
        container = self._containers[state.id] = _Container(owner, spec, state)
        self._announce(container)
        return state.id

    def start(self, container_id: str) -> None:
        container = self._found(container_id)
        if container.state.phase is Phase.RUNNING:
            return
        program, now = self.program(container.spec), self._clock.now()
        error = self._obstacle(container.spec) or program.start_error
        if error:
            container.state = replace(
                container.state, phase=Phase.EXITED, finished_at=now, exit_code=128, error=error
            )
            raise Refused(error)
        infra = container.spec.identity.role is Role.INFRA and not container.spec.network.host
        container.state = replace(
            container.state,
            phase=Phase.RUNNING,
            started_at=now,
            finished_at=0.0,
            exit_code=0,
            ip=f"10.88.{self._number // 250 % 250}.{self._number % 250 + 2}" if infra else "",
        )
        container.ended.clear()
        container.log += [(now, line) for line in program.output.splitlines(keepends=True)]
        self.starts.append(container.state)
        if program.runs_s is not None:
            loop = asyncio.get_running_loop()
            container.exit = loop.call_later(
                program.runs_s, self._end, container, program.exit_code, program.oom
            )
        self._announce(container)

    async def stop(self, container_id: str, grace_s: float) -> None:
        container = self._containers.get(container_id)
        if container is None or container.state.phase is not Phase.RUNNING:
            return
        program = self.program(container.spec)
        if grace_s > 0:
            if program.heeds_stop:
                loop = asyncio.get_running_loop()
                loop.call_later(program.stops_in_s, self._end, container, TERMINATED, False)
            try:
                async with asyncio.timeout(grace_s):
                    await container.ended.wait()
            except TimeoutError:
                pass
        self._end(container, KILLED, False)

    def find(self, image: str) -> ImageState | None:
        """Every image is here unless `images` was given."""
        if self.images is None:
            return ImageState(f"sha256:{image}")
        return self.images.get(image)

    def pull(self, image: str) -> ImageState:
        if self.images is None:
            return ImageState(f"sha256:{image}")
        if image not in self.registry:
            raise ImageFailure(f"pull access denied for {image}: no registry has it")
        self.images[image] = self.registry[image]
        return self.images[image]

    def log(self, container_id: str) -> _Container:
        return self._found(container_id)

    def subscribe(self, owner: tuple[str, str]) -> "asyncio.Queue[ContainerEvent | None]":
        queue: asyncio.Queue[ContainerEvent | None] = asyncio.Queue(_EVENTS_BUFFERED)
        self._subscribers[queue] = owner
        return queue

    def unsubscribe(self, queue: "asyncio.Queue[ContainerEvent | None]") -> None:
        self._subscribers.pop(queue, None)

    def _obstacle(self, spec: ContainerSpec) -> str:
        """Why the container cannot start: its sandbox does not run, or a port of the node is taken."""
        if spec.sandbox_id:
            sandbox = self._containers.get(spec.sandbox_id)
            if sandbox is None or sandbox.state.phase is not Phase.RUNNING:
                return f"cannot join the network of a container that does not run: {spec.sandbox_id}"
        running = [c.spec for c in self._containers.values() if c.state.phase is Phase.RUNNING]
        taken = {(port.host_port, port.protocol) for other in running for port in other.network.ports}
        for port in spec.network.ports:
            if (port.host_port, port.protocol) in taken:
                bind = f"{port.host_ip or '0.0.0.0'}:{port.host_port}"
                return f"Bind for {bind} failed: port is already allocated"
        return ""

    def _found(self, container_id: str) -> _Container:
        if container_id not in self._containers:
            raise NotFound(f"No such container: {container_id}")
        return self._containers[container_id]

    def _end(self, container: _Container, exit_code: int, oom: bool) -> None:
        if container.state.phase is not Phase.RUNNING:
            return
        if container.exit is not None:
            container.exit.cancel()
        container.state = replace(
            container.state,
            phase=Phase.EXITED,
            finished_at=self._clock.now(),
            exit_code=exit_code,
            oom_killed=oom,
            ip="",
        )
        container.ended.set()
        self._announce(container)

    def _announce(self, container: _Container) -> None:
        event = ContainerEvent(container.spec.identity.pod.uid)
        for queue, owner in list(self._subscribers.items()):
            if owner == container.owner and not queue.full():
                queue.put_nowait(event)


class FakeEngine:
    """One agent's view of a FakeHost."""

    def __init__(self, host: FakeHost, *, cluster: str, node: str) -> None:
        self._host = host
        self._owner = (cluster, node)

    async def list(self, pod_uid: str = "") -> tuple[ContainerState, ...]:
        await self._host.step("list", "")
        found = self._host.owned(self._owner)
        return tuple(s for s in found if not pod_uid or s.identity.pod.uid == pod_uid)

    async def create(self, spec: ContainerSpec) -> str:
        await self._host.step("create", spec.identity.container)
        return self._host.create(self._owner, spec)

    async def start(self, container_id: str) -> None:
        await self._host.step("start", container_id)
        self._host.start(container_id)

    async def stop(self, container_id: str, grace_s: float) -> None:
        await self._host.step("stop", container_id)
        await self._host.stop(container_id, grace_s)

    async def remove(self, container_id: str) -> None:
        await self._host.step("remove", container_id)
        self._host.remove(container_id)

    async def logs(self, container_id: str, options: LogOptions) -> AsyncGenerator[bytes, None]:
        await self._host.step("logs", container_id)
        container = self._host.log(container_id)
        lines = [(at, line) for at, line in container.log if at >= options.since]
        for at, line in lines[-options.tail :] if options.tail > 0 else lines if options.tail < 0 else []:
            yield _stamp(at) + line if options.timestamps else line
        if options.follow and container.state.phase is Phase.RUNNING:
            await container.ended.wait()

    async def events(self) -> AsyncGenerator[ContainerEvent, None]:
        await self._host.step("events", "")
        queue = self._host.subscribe(self._owner)
        try:
            yield ContainerEvent("")
            while (event := await queue.get()) is not None:
                yield event
            raise EngineUnavailable("the fake engine ended its stream of events")
        finally:
            self._host.unsubscribe(queue)

    async def find(self, image: str) -> ImageState | None:
        await self._host.step("find", image)
        return self._host.find(image)

    async def pull(self, image: str) -> ImageState:
        await self._host.step("pull", image)
        return self._host.pull(image)

    async def run(self, container_id: str, command: tuple[str, ...], timeout_s: float) -> CommandResult:
        async with asyncio.timeout(timeout_s):
            await self._host.step("run", container_id)
        container = self._host.log(container_id)
        if container.state.phase is not Phase.RUNNING:
            raise Refused(f"Container {container_id} is not running")
        if command not in self._host.commands:
            return CommandResult(126, f"exec failed: no such program: {command[0]}".encode())
        return self._host.commands[command]

    async def version(self) -> str:
        return "fake://1"

    async def close(self) -> None:
        return


def _stamp(at: float) -> bytes:
    from knarr.api.times import format_time

    return f"{format_time(int(at)).rstrip('Z')}.{int(at % 1 * 1e9):09d}Z ".encode()
