"""A pod's containers sorted for decide() and status: the newest of each name, the sandbox in use. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from node_agent.pods.desired import DesiredContainer, DesiredPod, RestartPolicy
from node_agent.pods.history import SANDBOX, History
from node_agent.runtime.interface import ContainerState, Phase, Role


def newest_first(states: Iterable[ContainerState]) -> list[ContainerState]:
    return sorted(states, key=lambda state: (state.identity.attempt, state.created_at), reverse=True)


@dataclass(frozen=True, slots=True)
class View:
    """The observed containers of one pod, each name's newest first."""

    by_name: dict[str, tuple[ContainerState, ...]]
    history: History

    @classmethod
    def of(cls, observed: Iterable[ContainerState], history: History) -> "View":
        groups: dict[str, list[ContainerState]] = {}
        for state in newest_first(observed):
            groups.setdefault(state.identity.container, []).append(state)
        return cls({name: tuple(states) for name, states in groups.items()}, history)

    @property
    def all(self) -> tuple[ContainerState, ...]:
        return tuple(state for states in self.by_name.values() for state in states)

    @property
    def running(self) -> tuple[ContainerState, ...]:
        return tuple(state for state in self.all if state.phase is Phase.RUNNING)

    @property
    def sandbox(self) -> ContainerState | None:
        """The newest infra container, whatever its phase."""
        return self.newest(SANDBOX)

    @property
    def live_sandbox(self) -> ContainerState | None:
        found = self.sandbox
        return found if found is not None and found.phase is Phase.RUNNING else None

    def newest(self, name: str) -> ContainerState | None:
        """The newest container of the name that was not left unstarted; else the unstarted one."""
        states = self.by_name.get(name, ())
        return next((s for s in states if s.phase is not Phase.CREATED), states[0] if states else None)

    def current(self, name: str) -> ContainerState | None:
        """The newest container of the name, if it belongs to the sandbox in use."""
        found, sandbox = self.newest(name), self.sandbox
        if found is None or sandbox is None or found.identity.sandbox != sandbox.identity.attempt:
            return None
        return found

    def last_end(self, name: str) -> ContainerState | None:
        """How the newest run of the name ended, also when its container was removed since; None while one
        runs."""
        found = self.newest(name)
        if found is not None and found.phase is not Phase.CREATED:
            return found if found.phase is Phase.EXITED else None
        return self.history.exits.get(name)

    def initialised(self, pod: DesiredPod) -> bool:
        """Whether the init containers have done their work in the sandbox in use."""
        sandbox = self.sandbox
        if sandbox is not None and any(
            state.identity.role is Role.MEMBER and state.identity.sandbox == sandbox.identity.attempt
            for state in self.all
            if state.phase is not Phase.CREATED
        ):
            return True
        return all(self._init_done(container) for container in pod.inits)

    def _init_done(self, container: DesiredContainer) -> bool:
        found = self.current(container.name)
        if found is None:
            return False
        if container.sidecar:
            return self.passed_startup(container, found)
        return found.phase is Phase.EXITED and found.exit_code == 0

    def passed_startup(self, container: DesiredContainer, state: ContainerState) -> bool:
        """Whether it runs and its startup probe, if any, has succeeded."""
        return state.phase is Phase.RUNNING and (
            not container.startup_probe or state.id in self.history.started
        )

    def done(self, pod: DesiredPod, container: DesiredContainer) -> bool:
        """Whether the container has ended and, by its restart policy, does not run again."""
        ended = self.last_end(container.name)
        if ended is not None:
            return ended.id not in self.history.replaced and not _restarts(container, ended.exit_code)
        if self.newest(container.name) is not None:
            return False
        recorded = pod.recorded.get(container.name)
        return (
            recorded is not None
            and recorded.exit_code is not None
            and not _restarts(container, recorded.exit_code)
        )

    def next_attempt(self, pod: DesiredPod, name: str) -> int:
        """The number of the next container of the name: never one that was used before."""
        used = [s.identity.attempt for s in self.by_name.get(name, ()) if s.phase is not Phase.CREATED]
        if name in self.history.attempts:
            used.append(self.history.attempts[name])
        if name in pod.recorded:
            recorded = pod.recorded[name]
            # A container that was never started is recorded with 0 restarts too.
            used.extend([recorded.restarts] if recorded.restarts or recorded.exit_code is not None else ())
        return max(used, default=-1) + 1


def _restarts(container: DesiredContainer, exit_code: int) -> bool:
    if container.restart is RestartPolicy.ALWAYS:
        return True
    return container.restart is RestartPolicy.ON_FAILURE and exit_code != 0
