"""What all workers of a node share, in one bundle, so that wiring makes it once."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from knarr.clock import Clock
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.pods.config import ConfigStore
from node_agent.pods.facts import NodeFacts
from node_agent.runtime.interface import Engine, Mount


class PodFiles(Protocol):
    """The files and directories that pods' volumes stand for on this machine."""

    async def prepare(
        self, pod: core.Pod, config: ConfigStore, node: NodeFacts, pod_ip: str
    ) -> dict[str, tuple[Mount, ...]]:
        """Make them, or bring them up to date; returns each container's mounts by its name.

        Raises ConfigError when something that a volume refers to is missing."""
        ...

    async def remove(self, pod_uid: str) -> None:
        """Remove all of a pod's that are the pod's own; nothing is done when there are none."""
        ...


class Recorder(Protocol):
    """Takes note of what happened to pods, for people to read."""

    def record(
        self, pod: core.Pod, reason: str, message: str, *, container: str = "", warning: bool = False
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by the workers of one node."""

    engine: Engine
    files: PodFiles
    config: ConfigStore
    recorder: Recorder
    report: Callable[[wire.PodReport], None]
    node: NodeFacts
    pause_image: str
    clock: Clock
    random: random.Random
