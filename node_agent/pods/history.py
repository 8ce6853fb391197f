"""What a pod's worker remembers beside what the engine shows: failures, stops under way, probe results.

Immutable: each event makes a new History. Losing it (a restart of the agent) costs nothing but a repeated
try: what must survive stands in the containers' labels and in the pod's status.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from node_agent.runtime.interface import ContainerState, Phase, Role

SANDBOX = ""  # as a container's name: the infra container
RETRY_FIRST_S = 10.0
RETRY_MAX_S = 300.0


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that did not work, in Kubernetes' words, and when it is tried again."""

    reason: str  # ErrImagePull, ErrImageNeverPull, CreateContainerConfigError, CreateContainerError, …
    message: str
    count: int
    failed_at: float
    retry_at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """Why the pod as a whole was ended by the agent."""

    reason: str  # DeadlineExceeded
    message: str


@dataclass(frozen=True, slots=True)
class History:
    """Sets of container ids hold ids of the engine; mappings go by container name."""

    started_at: float = 0.0  # when the agent took the pod on
    failures: Mapping[str, Failure] = field(default_factory=dict)
    preparing: frozenset[str] = frozenset()  # names whose image is being looked for or pulled
    images: Mapping[str, str] = field(default_factory=dict)  # name -> image found for the next start
    stopping: Mapping[str, float] = field(default_factory=dict)  # id -> when it is killed
    replaced: frozenset[str] = frozenset()  # ids stopped because their spec has changed
    unhealthy: frozenset[str] = frozenset()  # ids whose liveness or startup probe has failed for good
    started: frozenset[str] = frozenset()  # ids whose startup probe has succeeded
    ready: frozenset[str] = frozenset()  # ids whose readiness probe succeeds
    attempts: Mapping[str, int] = field(default_factory=dict)  # name -> highest attempt ever seen started
    exits: Mapping[str, ContainerState] = field(default_factory=dict)  # name -> its newest end
    ended: Ended | None = None

    def seen(self, observed: Iterable[ContainerState]) -> "History":
        """Remember attempts and ends, in case somebody removes the containers behind our back."""
        attempts, exits = dict(self.attempts), dict(self.exits)
        for state in observed:
            if state.phase is Phase.CREATED:
                continue
            name = state.identity.container
            attempts[name] = max(attempts.get(name, 0), state.identity.attempt)
            if state.phase is Phase.EXITED and state.identity.role is not Role.INFRA:
                known = exits.get(name)
                if known is None or known.identity.attempt <= state.identity.attempt:
                    exits[name] = state
        return replace(self, attempts=attempts, exits=exits)

    def failed(self, name: str, reason: str, message: str, now: float) -> "History":
        """A step for the container did not work: wait longer after each failure in a row."""
        before = self.failures.get(name)
        count = before.count + 1 if before is not None else 1
        retry_at = now + min(RETRY_MAX_S, RETRY_FIRST_S * 2.0 ** (min(count, 10) - 1))
        failure = Failure(reason, message, count, now, retry_at)
        images = {key: value for key, value in self.images.items() if key != name}
        return replace(
            self,
            failures={**self.failures, name: failure},
            preparing=self.preparing - {name},
            images=images,
        )

    def retried(self, names: Iterable[str]) -> "History":
        """What may have been the reason of these failures has changed: try at once."""
        failures = {
            name: replace(failure, retry_at=failure.failed_at) if name in names else failure
            for name, failure in self.failures.items()
        }
        return replace(self, failures=failures)

    def preparing_image(self, name: str) -> "History":
        return replace(self, preparing=self.preparing | {name})

    def prepared(self, name: str, image: str) -> "History":
        return replace(self, preparing=self.preparing - {name}, images={**self.images, name: image})

    def launched(self, name: str) -> "History":
        """The container was started: its failures are over, its next start looks for the image anew."""
        return replace(
            self,
            failures={key: value for key, value in self.failures.items() if key != name},
            images={key: value for key, value in self.images.items() if key != name},
        )

    def stop_began(self, container_id: str, kill_at: float, replacing: bool) -> "History":
        replaced = self.replaced | {container_id} if replacing else self.replaced
        return replace(self, stopping={**self.stopping, container_id: kill_at}, replaced=replaced)

    def stop_ended(self, container_id: str) -> "History":
        return replace(
            self, stopping={key: value for key, value in self.stopping.items() if key != container_id}
        )

    def probed(
        self,
        *,
        started: frozenset[str] | None = None,
        ready: frozenset[str] | None = None,
        unhealthy: frozenset[str] | None = None,
    ) -> "History":
        """The probes' newest results; None leaves a set as it is."""
        return replace(
            self,
            started=self.started if started is None else started,
            ready=self.ready if ready is None else ready,
            unhealthy=self.unhealthy if unhealthy is None else unhealthy,
        )
