"""A pod as decide() needs it: made once from each version of the object, so that deciding is cheap.

Pure. Nothing here knows an engine.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from knarr.api.pods import is_finished, is_sidecar
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.runtime.interface import PodRef, Role

DEFAULT_GRACE_S = 30


class RestartPolicy(StrEnum):
    """When a container that has ended is started again."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class PullPolicy(StrEnum):
    """When an image is fetched although it may be here."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class DesiredContainer:
    """One container of the pod's spec."""

    name: str
    role: Role
    image: str
    spec_hash: str
    restart: RestartPolicy
    pull: PullPolicy = PullPolicy.IF_NOT_PRESENT
    startup_probe: bool = False
    readiness_probe: bool = False
    liveness_grace_s: int | None = None  # the probe's own grace period for a container it has killed

    @property
    def sidecar(self) -> bool:
        """An init container that goes on running beside the members (KEP-753)."""
        return self.role is Role.INIT and self.restart is RestartPolicy.ALWAYS


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the API server last heard of a container; counts where the engine has forgotten it."""

    restarts: int
    exit_code: int | None  # None: had not ended


@dataclass(frozen=True, slots=True)
class DesiredPod:
    """What is wanted of a pod."""

    ref: PodRef
    containers: tuple[DesiredContainer, ...]  # init containers first, in order
    restart: RestartPolicy
    grace_s: int
    deleted: bool = False  # its deletion was asked for
    finished: bool = False  # reported Succeeded or Failed: it never runs again
    active_deadline_s: int | None = None
    recorded: Mapping[str, Recorded] = field(default_factory=dict)

    @property
    def inits(self) -> tuple[DesiredContainer, ...]:
        return tuple(c for c in self.containers if c.role is Role.INIT)

    @property
    def members(self) -> tuple[DesiredContainer, ...]:
        return tuple(c for c in self.containers if c.role is Role.MEMBER)


def desired(pod: core.Pod) -> DesiredPod:
    """What is wanted of `pod`; deletionTimestamp and a terminal phase included."""
    spec, metadata = pod.spec, pod.metadata
    restart = RestartPolicy(spec.restartPolicy or "Always")
    grace_s = (
        spec.terminationGracePeriodSeconds
        if spec.HasField("terminationGracePeriodSeconds")
        else DEFAULT_GRACE_S
    )
    deleted = metadata.HasField("deletionTimestamp")
    if deleted and metadata.HasField("deletionGracePeriodSeconds"):
        grace_s = metadata.deletionGracePeriodSeconds
    return DesiredPod(
        ref=PodRef(metadata.namespace, metadata.name, metadata.uid),
        containers=(
            *(_container(c, Role.INIT, _init_restart(c, restart)) for c in spec.initContainers),
            *(_container(c, Role.MEMBER, restart) for c in spec.containers),
        ),
        restart=restart,
        grace_s=max(0, grace_s),
        deleted=deleted,
        finished=is_finished(pod),
        active_deadline_s=spec.activeDeadlineSeconds if spec.HasField("activeDeadlineSeconds") else None,
        recorded=_recorded((*pod.status.initContainerStatuses, *pod.status.containerStatuses)),
    )


def spec_hash(name: str, image: str) -> str:
    """Of the part of a container that may change while its pod lives.

    As the kubelet's: everything else of a pod is immutable, and a hash of more would restart every container
    when a new version of Knarr fills in one more default."""
    return hashlib.sha256(f"{name}\0{image}".encode()).hexdigest()[:16]


def _init_restart(container: core.Container, pod: RestartPolicy) -> RestartPolicy:
    if is_sidecar(container):
        return RestartPolicy.ALWAYS
    return RestartPolicy.NEVER if pod is RestartPolicy.NEVER else RestartPolicy.ON_FAILURE


def _container(container: core.Container, role: Role, restart: RestartPolicy) -> DesiredContainer:
    liveness = container.livenessProbe
    return DesiredContainer(
        name=container.name,
        role=role,
        image=container.image,
        spec_hash=spec_hash(container.name, container.image),
        restart=restart,
        pull=_pull_policy(container),
        startup_probe=container.HasField("startupProbe"),
        readiness_probe=container.HasField("readinessProbe"),
        liveness_grace_s=(
            liveness.terminationGracePeriodSeconds
            if liveness.HasField("terminationGracePeriodSeconds")
            else None
        ),
    )


def _pull_policy(container: core.Container) -> PullPolicy:
    """The policy, with Kubernetes' default where the server has set none: Always for the tag latest."""
    if container.imagePullPolicy:
        return PullPolicy(container.imagePullPolicy)
    reference = container.image.rpartition("/")[2]
    newest = "@" not in reference and (":" not in reference or reference.endswith(":latest"))
    return PullPolicy.ALWAYS if newest else PullPolicy.IF_NOT_PRESENT


def _recorded(statuses: Iterable[core.ContainerStatus]) -> dict[str, Recorded]:
    return {
        found.name: Recorded(
            found.restartCount,
            found.state.terminated.exitCode if found.state.HasField("terminated") else None,
        )
        for found in statuses
    }
