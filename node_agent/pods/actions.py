"""What decide() can ask of a pod's worker. Values; nothing here acts."""

from dataclasses import dataclass

from node_agent.pods.desired import PullPolicy


@dataclass(frozen=True, slots=True)
class PrepareImage:
    """Find the container's image, or pull it. Goes on beside other actions."""

    container: str
    image: str
    policy: PullPolicy


@dataclass(frozen=True, slots=True)
class StartSandbox:
    """Create and start the infra container."""

    attempt: int
    backoff: int


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Create and start a container in the sandbox."""

    container: str
    attempt: int
    backoff: int
    sandbox: int  # the sandbox's attempt
    sandbox_id: str


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop it within `grace_s`. Goes on beside other actions; a later one with less grace takes its place."""

    container_id: str
    container: str
    grace_s: float
    reason: str
    replacing: bool = False  # it is started again with its new spec, whatever its restart policy


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Remove a container that has ended or never ran."""

    container_id: str
    container: str


@dataclass(frozen=True, slots=True)
class EndPod:
    """The pod has failed as a whole and never runs again."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this time, unless something happens."""

    until: float


Action = PrepareImage | StartSandbox | StartContainer | StopContainer | RemoveContainer | EndPod | Wait
