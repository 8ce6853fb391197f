"""A pod's containers as a table that actions and accidents change: decide() is tested against it, no engine
and no event loop needed."""

from dataclasses import dataclass, field, replace

from node_agent.pods.actions import (
    Action,
    EndPod,
    PrepareImage,
    RemoveContainer,
    StartContainer,
    StartSandbox,
    StopContainer,
    Wait,
)
from node_agent.pods.decide import decide
from node_agent.pods.desired import (
    DesiredContainer,
    DesiredPod,
    RestartPolicy,
    spec_hash,
)
from node_agent.pods.history import SANDBOX, Ended, History
from node_agent.runtime.interface import ContainerState, Identity, Phase, PodRef, Role

REF = PodRef("default", "web", "uid-1")
START = 1_000_000.0


def member(
    name: str = "main", *, image: str = "app:1", restart: RestartPolicy = RestartPolicy.ALWAYS
) -> DesiredContainer:
    return DesiredContainer(name, Role.MEMBER, image, spec_hash(name, image), restart)


def init(
    name: str, *, restart: RestartPolicy = RestartPolicy.ON_FAILURE, image: str = "app:1"
) -> DesiredContainer:
    return DesiredContainer(name, Role.INIT, image, spec_hash(name, image), restart)


def wanted(
    *containers: DesiredContainer, restart: RestartPolicy = RestartPolicy.ALWAYS, grace_s: int = 30
) -> DesiredPod:
    return DesiredPod(REF, containers or (member(restart=restart),), restart, grace_s)


def container(
    name: str = "main",
    phase: Phase = Phase.RUNNING,
    *,
    attempt: int = 0,
    sandbox: int = 0,
    exit_code: int = 0,
    backoff: int = 0,
    image: str = "app:1",
    started_at: float = START,
    ended_at: float = START + 1,
    role: Role = Role.MEMBER,
) -> ContainerState:
    ended = phase is Phase.EXITED
    return ContainerState(
        id=f"{name or 'infra'}-{attempt}",
        identity=Identity(REF, name, role, attempt, sandbox, spec_hash(name, image), 30, backoff),
        phase=phase,
        image=image,
        image_id=f"sha256:{image}",
        created_at=started_at,
        started_at=0.0 if phase is Phase.CREATED else started_at,
        finished_at=ended_at if ended else 0.0,
        exit_code=exit_code if ended else 0,
    )


def infra(phase: Phase = Phase.RUNNING, *, attempt: int = 0, backoff: int = 0) -> ContainerState:
    made = container(SANDBOX, phase, attempt=attempt, sandbox=attempt, backoff=backoff, role=Role.INFRA)
    return replace(made, ip="10.88.0.2", identity=replace(made.identity, spec_hash=""))


@dataclass
class World:
    """The table, the worker's history, and the time."""

    pod: DesiredPod | None
    containers: dict[str, ContainerState] = field(default_factory=dict)
    history: History = field(default_factory=lambda: History(started_at=START))
    now: float = START
    starts: list[ContainerState] = field(default_factory=list)

    def decide(self) -> tuple[Action, ...]:
        observed = tuple(self.containers.values())
        self.history = self.history.seen(observed)
        return decide(self.pod, observed, self.history, self.now)

    def perform(self, action: Action) -> None:
        """What a worker and an engine without faults would do; stops and pulls end at once."""
        match action:
            case StartSandbox(attempt=attempt, backoff=backoff):
                self._start(infra(attempt=attempt, backoff=backoff))
                self.history = self.history.launched(SANDBOX)
            case StartContainer(container=name, attempt=attempt, sandbox=sandbox, backoff=backoff):
                assert self.pod is not None
                described = next(c for c in self.pod.containers if c.name == name)
                self._start(
                    container(
                        name,
                        attempt=attempt,
                        sandbox=sandbox,
                        backoff=backoff,
                        image=described.image,
                        role=described.role,
                    )
                )
                self.history = self.history.launched(name)
            case PrepareImage(container=name, image=image):
                self.history = self.history.preparing_image(name).prepared(name, image)
            case StopContainer(container_id=container_id, grace_s=grace_s, replacing=replacing):
                kill_at = self.now + grace_s
                self.history = self.history.stop_began(container_id, kill_at, replacing)
                self.end(container_id, 143)
                self.history = self.history.stop_ended(container_id)
            case RemoveContainer(container_id=container_id):
                self.containers.pop(container_id, None)
            case EndPod(reason=reason, message=message):
                self.history = replace(self.history, ended=Ended(reason, message))
            case Wait():
                pass

    def _start(self, state: ContainerState) -> None:
        name = state.identity.container
        running = [s for s in self.running() if s.identity.container == name]
        assert not running, f"a second {name or 'sandbox'} was started while one runs"
        assert state.id not in self.containers, f"{state.id} was used before"
        made = replace(state, created_at=self.now, started_at=self.now)
        self.containers[state.id] = made
        self.starts.append(made)

    def end(self, container_id: str, exit_code: int) -> None:
        state = self.containers.get(container_id)
        if state is not None and state.phase is Phase.RUNNING:
            self.containers[container_id] = replace(
                state, phase=Phase.EXITED, finished_at=self.now, exit_code=exit_code
            )

    def running(self) -> tuple[ContainerState, ...]:
        return tuple(s for s in self.containers.values() if s.phase is Phase.RUNNING)

    def settle(self, *, rounds: int = 60, init_exits: int = 0) -> bool:
        """Decide and act until only waiting is left, letting init containers end and time pass; whether it
        came to rest."""
        for _ in range(rounds):
            actions = self.decide()
            doing = [action for action in actions if not isinstance(action, Wait)]
            for action in doing:
                self.perform(action)
            if doing:
                continue
            ends = [s for s in self.running() if s.identity.role is Role.INIT and not self._sidecar(s)]
            for state in ends:
                self.end(state.id, init_exits)
            waits = [action.until for action in actions if isinstance(action, Wait)]
            if not ends and not waits:
                return True
            self.now = max([self.now + 1, *waits])
        return False

    def _sidecar(self, state: ContainerState) -> bool:
        containers = self.pod.containers if self.pod is not None else ()
        return any(c.name == state.identity.container and c.sidecar for c in containers)
