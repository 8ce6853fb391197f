"""What an agent can be told at its start, parsed once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DOCKER_URL = "unix:///var/run/docker.sock"
PAUSE_IMAGE = "knarr/pause:1"  # built by deploy/images/build.py; any image that only waits will do
MAX_PODS = 110  # Kubernetes' default
RUNTIMES = ("docker", "fake")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One agent. None means: as the machine is."""

    node_name: str
    state_dir: Path  # identity, the last assignment, volumes; one agent each
    servers: tuple[str, ...] = ()  # "host:port", tried in turn
    runtime: str = "docker"  # one of RUNTIMES; "fake" runs nothing, for trying out large clusters
    docker_url: str = DOCKER_URL
    pause_image: str = PAUSE_IMAGE
    memory_dir: Path = Path("/dev/shm")  # a file system in memory, for Secrets and emptyDir in memory
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None  # the node's own, under which others reach its published ports
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    pods: int = MAX_PODS
