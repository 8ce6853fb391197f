"""Liveness, readiness and startup probes: one task for each probe of each running container.

A probe counts its results and moves container ids between the sets of the History (started, ready,
unhealthy); what follows from that is decide()'s and status()'s.
https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods.history import History
from node_agent.pods.parts import Parts
from node_agent.probe_handlers import Outcome, Target, probe_once
from node_agent.runtime.interface import ContainerState, Phase, Role


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A probe's numbers, with Kubernetes' defaults where the server has set none."""

    initial_delay_s: int
    timeout_s: int
    period_s: int
    success: int
    failure: int

    @classmethod
    def of(cls, probe: core.Probe) -> "Thresholds":
        return cls(
            initial_delay_s=probe.initialDelaySeconds,
            timeout_s=probe.timeoutSeconds or 1,
            period_s=probe.periodSeconds or 10,
            success=probe.successThreshold or 1,
            failure=probe.failureThreshold or 3,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Results in a row, and what they amount to: None until a threshold was reached for the first time."""

    healthy: bool = False
    run: int = 0
    verdict: bool | None = None

    def counted(self, healthy: bool, thresholds: Thresholds) -> "Tally":
        """The tally after one more result. Pure."""
        run = self.run + 1 if healthy == self.healthy else 1
        enough = run >= (thresholds.success if healthy else thresholds.failure)
        return Tally(healthy, run, healthy if enough else self.verdict)


class HoldsHistory(Protocol):
    """Where the probes' results go."""

    history: History
    pod_ip: str


class Prober:
    """The probes of one pod."""

    def __init__(
        self, parts: Parts, tasks: asyncio.TaskGroup, holder: HoldsHistory, changed: Callable[[], None]
    ) -> None:
        self._parts = parts
        self._tasks = tasks
        self._holder = holder
        self._changed = changed
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}  # (container id, kind)

    def sync(self, pod: core.Pod | None, observed: tuple[ContainerState, ...]) -> None:
        """Start the probes of containers that have started, end those of containers that have ended."""
        wanted: dict[tuple[str, str], tuple[core.Container, core.Probe, ContainerState]] = {}
        if pod is not None:
            wanted = dict(_wanted(pod, observed, self._holder.history))
        for key in [key for key in self._running if key not in wanted]:
            self._running.pop(key).cancel()
        for key, (container, probe, state) in wanted.items():
            if key not in self._running:
                self._running[key] = self._tasks.create_task(
                    self._probe(pod, key[1], container, probe, state), name=f"{key[1]} probe {container.name}"
                )
        self._forget(observed)

    def close(self) -> None:
        """End all of them."""
        for task in self._running.values():
            task.cancel()
        self._running.clear()

    def _forget(self, observed: tuple[ContainerState, ...]) -> None:
        """Drop the results of containers that run no more."""
        ids = frozenset(state.id for state in observed if state.phase is Phase.RUNNING)
        history = self._holder.history
        self._holder.history = history.probed(
            started=history.started & ids, ready=history.ready & ids, unhealthy=history.unhealthy & ids
        )

    async def _probe(
        self,
        pod: core.Pod | None,
        kind: str,
        container: core.Container,
        probe: core.Probe,
        state: ContainerState,
    ) -> None:
        """Probe at each period until cancelled; a startup probe until it has spoken."""
        thresholds, tally = Thresholds.of(probe), Tally()
        clock = self._parts.clock
        # Spread over a period, so that an agent that restarts does not probe everything at once.
        due_in_s = state.started_at + thresholds.initial_delay_s - clock.now()
        adopted = clock.now() - state.started_at > thresholds.period_s
        spread_s = self._parts.random.uniform(0, thresholds.period_s) if adopted else 0.0
        await asyncio.sleep(max(0.0, due_in_s) + spread_s)
        while True:
            target = Target(state.id, self._holder.pod_ip, container, self._parts.engine)
            outcome = await probe_once(probe, target, float(thresholds.timeout_s))
            before = tally.verdict
            tally = tally.counted(outcome.healthy, thresholds)
            if not outcome.healthy and pod is not None:
                self._note(pod, kind, container, outcome)
            if tally.verdict is not None and tally.verdict != before:
                self._apply(kind, state.id, tally.verdict)
            if kind == "Startup" and tally.verdict is not None:
                return
            await asyncio.sleep(thresholds.period_s)

    def _apply(self, kind: str, container_id: str, verdict: bool) -> None:
        history, ids = self._holder.history, frozenset({container_id})
        if kind == "Readiness":
            ready = history.ready | ids if verdict else history.ready - ids
            self._holder.history = history.probed(ready=ready)
        elif not verdict:
            self._holder.history = history.probed(unhealthy=history.unhealthy | ids)
        elif kind == "Startup":
            self._holder.history = history.probed(started=history.started | ids)
        self._changed()

    def _note(self, pod: core.Pod, kind: str, container: core.Container, outcome: Outcome) -> None:
        text = f"{kind} probe failed: {outcome.message}"
        self._parts.recorder.record(pod, "Unhealthy", text, container=container.name, warning=True)


def _wanted(
    pod: core.Pod, observed: tuple[ContainerState, ...], history: History
) -> Iterator[tuple[tuple[str, str], tuple[core.Container, core.Probe, ContainerState]]]:
    """The probes that should run now: readiness and liveness only once the startup probe has succeeded, and
    none that could restart a container of a pod that ends."""
    containers: Mapping[str, core.Container] = {
        c.name: c for c in (*pod.spec.initContainers, *pod.spec.containers)
    }
    ends = pod.metadata.HasField("deletionTimestamp") or history.ended is not None
    for state in observed:
        container = containers.get(state.identity.container)
        if state.phase is not Phase.RUNNING or state.identity.role is Role.INFRA or container is None:
            continue
        if container.HasField("startupProbe") and state.id not in history.started:
            if not ends and state.id not in history.unhealthy:
                yield (state.id, "Startup"), (container, container.startupProbe, state)
            continue
        if container.HasField("livenessProbe") and not ends and state.id not in history.unhealthy:
            yield (state.id, "Liveness"), (container, container.livenessProbe, state)
        if container.HasField("readinessProbe"):
            yield (state.id, "Readiness"), (container, container.readinessProbe, state)
