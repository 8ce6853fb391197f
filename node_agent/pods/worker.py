"""One pod's worker: observe, decide, act, report, again; it sleeps until something happens or is due.

Thin: every decision is decide()'s, every sentence of the report is status()'s.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from knarr.api.pods import FINISHED
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import node_service_pb2 as wire
from node_agent.pods.actions import PrepareImage, StopContainer, Wait
from node_agent.pods.decide import decide
from node_agent.pods.desired import DesiredPod, desired
from node_agent.pods.executor import Executor
from node_agent.pods.parts import Parts
from node_agent.pods.status import merged, status
from node_agent.probes import Prober
from node_agent.runtime.errors import RuntimeFailure
from node_agent.runtime.interface import ContainerState, Phase, PodRef, Role

log = structlog.get_logger()

_PAUSE_FIRST_S = 1.0
_PAUSE_MAX_S = 30.0
_ASIDE = (PrepareImage, StopContainer, Wait)  # they go on beside the loop and wake it when they are done


class PodWorker:
    """Brings one pod on this node to where it is wanted, and says how far it is."""

    def __init__(self, ref: PodRef, parts: Parts) -> None:
        self.ref = ref
        self.observed: tuple[ContainerState, ...] = ()
        self._parts = parts
        self._pod: core.Pod | None = None
        self._wanted: DesiredPod | None = None
        self._executor: Executor | None = None
        self._woken = asyncio.Event()
        self._reported = b""
        self._status: core.PodStatus | None = None
        self._pauses = 0

    @property
    def wanted(self) -> bool:
        """Whether the node shall have the pod."""
        return self._pod is not None

    def update(self, pod: core.Pod | None) -> None:
        """The pod's newest version; None: it is no longer wanted here."""
        if pod is not None and self._status is not None:
            pod.status.CopyFrom(merged(self._status, pod.status))
        if pod is not None and self._pod is not None and pod.spec.volumes != self._pod.spec.volumes:
            self._retry_config()  # a claim has got its volume
        self._pod = pod
        self._wanted = desired(pod) if pod is not None else None
        if self._executor is not None:
            self._executor.files_changed()
        self._woken.set()

    def config_changed(self) -> None:
        """A ConfigMap or Secret has changed: volumes are brought up to date, failed starts tried again."""
        if self._executor is not None:
            self._executor.files_changed()
            self._retry_config()
            self._woken.set()

    def _retry_config(self) -> None:
        """What containers lacked may be there now."""
        if self._executor is not None:
            failures = self._executor.history.failures
            names = [n for n, failure in failures.items() if failure.reason == "CreateContainerConfigError"]
            self._executor.history = self._executor.history.retried(names)

    def wake(self) -> None:
        """Something may have happened to the pod's containers."""
        self._woken.set()

    async def run(self) -> None:
        """Work until nothing of the pod is wanted and nothing of it is left."""
        async with asyncio.TaskGroup() as tasks:
            executor = self._executor = Executor(self._parts, tasks, self._woken.set)
            prober = Prober(self._parts, tasks, executor, self._woken.set)
            if self._pod is not None and self._pod.status.HasField("startTime"):
                started_at = float(self._pod.status.startTime.seconds)
                executor.history = replace(executor.history, started_at=started_at)
            try:
                while await self._step(executor, prober):
                    pass
            finally:
                prober.close()
                executor.cancel_pulls()
        await self._parts.files.remove(self.ref.uid)

    async def _step(self, executor: Executor, prober: Prober) -> bool:
        """One round; False when there is nothing left to do for ever."""
        self._woken.clear()
        pod, wanted, now = self._pod, self._wanted, self._parts.clock.now()
        try:
            observed = self.observed = await self._parts.engine.list(self.ref.uid)
            executor.history = executor.history.seen(observed)
            executor.pod_ip = _pod_ip(pod, observed, self._parts)
            prober.sync(pod, observed)
            if pod is not None:
                await executor.refresh_files(pod)
            actions = decide(wanted, observed, executor.history, now)
            if pod is None or wanted is None or wanted.deleted:
                executor.cancel_pulls()
            self._report(executor, observed, now)
            for action in actions:
                await executor.perform(action, pod, wanted)
            self._pauses = 0
        except RuntimeFailure as error:
            await self._pause(error)
            return True
        if pod is None and not observed and not executor.busy:
            return False
        if all(isinstance(action, _ASIDE) for action in actions):
            await self._sleep(actions, now)
        return True

    async def _sleep(self, actions: Sequence[object], now: float) -> None:
        """Until woken, or until the time to wait for has come."""
        due = next((action.until for action in actions if isinstance(action, Wait)), None)
        try:
            async with asyncio.timeout(None if due is None else max(0.0, due - now)):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _pause(self, error: RuntimeFailure) -> None:
        """The engine does not answer: wait longer each time, whatever happens meanwhile."""
        self._pauses += 1
        pause_s = min(_PAUSE_MAX_S, _PAUSE_FIRST_S * 2 ** min(self._pauses - 1, 5))
        log.warning("pod_step_failed", pod=str(self.ref), uid=self.ref.uid, error=str(error))
        await asyncio.sleep(pause_s * self._parts.random.uniform(0.8, 1.2))

    def _report(self, executor: Executor, observed: tuple[ContainerState, ...], now: float) -> None:
        """Hand on what has changed since the last report."""
        pod, wanted = self._pod, self._wanted
        running = any(state.phase is Phase.RUNNING for state in observed) or executor.busy
        report = wire.PodReport(namespace=self.ref.namespace, name=self.ref.name, uid=self.ref.uid)
        report.terminated = (wanted is None or wanted.deleted) and not running
        if pod is not None and wanted is not None:
            made = status(pod, wanted, observed, executor.history, self._parts.node, now)
            report.status.CopyFrom(made)
            pod.status.CopyFrom(made)
            self._status = made
            if made.phase in FINISHED and not wanted.finished:
                self._wanted = desired(pod)
                self._woken.set()
        elif not report.terminated:
            return
        encoded = report.SerializeToString(deterministic=True)
        if encoded != self._reported:
            self._reported = encoded
            self._parts.report(report)


def _pod_ip(pod: core.Pod | None, observed: tuple[ContainerState, ...], parts: Parts) -> str:
    if pod is not None and pod.spec.hostNetwork:
        return parts.node.ip
    infra = [s for s in observed if s.identity.role is Role.INFRA and s.phase is Phase.RUNNING]
    return infra[-1].ip if infra else ""
