"""What the agent needs from a container engine, and nothing that only one engine has.

Three small Protocols, because their users differ: Runtime (pod workers), Images (pulls), Commands (exec
probes). Implementations: docker/, fake.py; both are held to tests/contract/runtime. An implementation sees
the containers of its own cluster and node only, since several agents may share one engine. Every call ends
within a bounded time and raises node_agent.runtime.errors.RuntimeFailure only.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """What a container is to its pod."""

    INFRA = "infra"  # owns the network namespace, does nothing
    INIT = "init"  # runs to its end before the members start
    MEMBER = "member"


class Phase(StrEnum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class PodRef:
    """Which pod."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a container is for. Stands in the container's labels: a restarted agent knows it again."""

    pod: PodRef
    container: str  # "" for the infra container
    role: Role
    attempt: int  # how many containers of this name the pod had before
    sandbox: int  # attempt of the infra container that it belongs to
    spec_hash: str
    grace_s: int  # how long it may take to stop when nothing else is known about the pod
    backoff: int  # how often it was restarted in a row without having run for long


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the pod published on the node."""

    container_port: int
    host_port: int
    host_ip: str  # "" for every address
    protocol: str  # TCP, UDP or SCTP


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory or file of the node, seen at `target`."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = ""  # "", rprivate, rslave, rshared


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits in the terms of cgroups; 0 means none."""

    cpu_shares: int = 0
    cpu_quota_us: int = 0  # within each period of 100 ms
    memory_bytes: int = 0
    oom_score_adj: int = 0


@dataclass(frozen=True, slots=True)
class Security:
    """What the process may do."""

    user: str = ""  # uid[:gid]; "" as the image says
    groups: tuple[str, ...] = ()
    privileged: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    read_only_root: bool = False
    no_new_privileges: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """Set on an infra container only; members have their infra container's."""

    host: bool = False
    hostname: str = ""
    ports: tuple[Port, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()  # (name, address)
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be created. `sandbox_id` is the infra container's id, "" for an infra container."""

    identity: Identity
    image: str
    sandbox_id: str = ""
    command: tuple[str, ...] = ()  # in place of the image's entrypoint
    args: tuple[str, ...] = ()  # in place of the image's command
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    resources: Resources = field(default_factory=Resources)
    security: Security = field(default_factory=Security)
    network: Network = field(default_factory=Network)
    share_processes: bool = False  # see the other containers' processes
    stop_signal: str = ""  # "" as the image says
    tty: bool = False
    stdin: bool = False


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container as the engine sees it. Times are seconds since 1970, 0.0 where there is none yet."""

    id: str
    identity: Identity
    phase: Phase
    image: str  # as it was asked for
    image_id: str
    created_at: float
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""  # the engine's own words about a start that failed
    ip: str = ""  # of an infra container with a network of its own


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something happened to a container of this pod; "" : look at all of them (the first event always)."""

    pod_uid: str


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a container's output. `tail` counts lines from the end; -1: all of them."""

    follow: bool = False
    tail: int = -1
    since: float = 0.0  # seconds since 1970
    timestamps: bool = False  # each line begins with its RFC 3339 time and a blank


class Runtime(Protocol):
    """Containers of this cluster and node."""

    async def list(self, pod_uid: str = "") -> tuple[ContainerState, ...]:
        """The containers (of one pod, or all), running or not, oldest first."""
        ...

    async def create(self, spec: ContainerSpec) -> str:
        """Make the container and return its id; the one that exists when its identity has one already.

        Raises ImageFailure when its image is not here, Refused when the engine will not have it so."""
        ...

    async def start(self, container_id: str) -> None:
        """Start it; nothing is done when it runs. Raises NotFound, Refused."""
        ...

    async def stop(self, container_id: str, grace_s: float) -> None:
        """Ask it to stop, kill it after `grace_s` (0: at once), return when it has ended.

        A container that has ended or is gone is no error. When cancelled, it was asked and is not killed."""
        ...

    async def remove(self, container_id: str) -> None:
        """Remove it, running or not; one that is gone is no error."""
        ...

    def logs(self, container_id: str, options: LogOptions) -> AsyncGenerator[bytes, None]:
        """Its output in pieces of any length, to its end; with `follow` until the container ends.

        Raises NotFound. Close the generator to stop."""
        ...

    def events(self) -> AsyncGenerator[ContainerEvent, None]:
        """Changes from now on; the first event comes once nothing can be missed any more. Raises
        EngineUnavailable when the engine goes away: ask again, and list."""
        ...


@dataclass(frozen=True, slots=True)
class ImageState:
    """An image on this machine. `user` is what its processes run as when nobody says otherwise."""

    id: str
    user: str = ""


class Images(Protocol):
    """Images on this machine."""

    async def find(self, image: str) -> ImageState | None:
        """The image, None when it is not here."""
        ...

    async def pull(self, image: str) -> ImageState:
        """Fetch it from its registry. Raises ImageFailure with the engine's message."""
        ...


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command in a container ended; the output is cut at 10 KiB."""

    exit_code: int
    output: bytes


class Commands(Protocol):
    """Programs run inside running containers."""

    async def run(self, container_id: str, command: tuple[str, ...], timeout_s: float) -> CommandResult:
        """Run it to its end. Raises TimeoutError after `timeout_s`, NotFound, Refused (no such program)."""
        ...


class Engine(Runtime, Images, Commands, Protocol):
    """A whole engine: what wiring makes and hands out in parts."""

    async def version(self) -> str:
        """Such as "docker://20.10.24", for Node.status.nodeInfo. Raises EngineUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of the engine; containers go on running. Idempotent."""
        ...
