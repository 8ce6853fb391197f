"""All pods of the node: one worker each, woken by the engine's events and by a periodic relist.

An event only names a pod; the relist finds what an event missed, and containers of pods that nobody wants.
Those are stopped only once the control plane itself has said which pods the node has.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Set

import structlog

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods.parts import Parts
from node_agent.pods.worker import PodWorker
from node_agent.runtime.errors import RuntimeFailure
from node_agent.runtime.interface import ContainerState, PodRef

log = structlog.get_logger()

RELIST_S = 10.0
_RELIST_PAUSE_S = 1.0  # between two relists that events asked for
_RECONNECT_FIRST_S = 0.5
_RECONNECT_MAX_S = 15.0
_WORKER_PAUSE_S = 5.0


class PodManager:
    """Owns the workers. `forgotten` is called with a pod's uid once nothing of it is left."""

    def __init__(self, parts: Parts, forgotten: Callable[[str], None]) -> None:
        self.engine_error = ""  # why the engine cannot be used; "" while it can
        self._parts = parts
        self._forgotten = forgotten
        self._workers: dict[str, PodWorker] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._authoritative = False
        self._relist = asyncio.Event()

    @property
    def pods(self) -> tuple[PodRef, ...]:
        """The pods that the node has now, those that are going included."""
        return tuple(worker.ref for worker in self._workers.values())

    def apply(self, pods: Mapping[str, core.Pod], changed: Set[str], authoritative: bool) -> None:
        """The node's pods by uid, all of them, and which of them are new or have changed.

        `authoritative`: the control plane itself says so, and not the disk, so that what is not named may be
        removed."""
        self._authoritative = self._authoritative or authoritative
        for uid in changed:
            pod, worker = pods[uid], self._workers.get(uid)
            if worker is None:
                self._add(PodRef(pod.metadata.namespace, pod.metadata.name, uid), pod)
            else:
                worker.update(pod)
        for uid, worker in self._workers.items():
            if uid not in pods and worker.wanted:
                worker.update(None)
        self._relist.set()

    def config_changed(self) -> None:
        """ConfigMaps or Secrets have changed."""
        for worker in self._workers.values():
            worker.config_changed()

    async def run(self) -> None:
        """Work for ever; containers go on running when it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for worker in self._workers.values():
                self._start(worker)
            tasks.create_task(self._follow_events(), name="engine events")
            tasks.create_task(self._relist_for_ever(), name="relist")

    def _add(self, ref: PodRef, pod: core.Pod | None) -> PodWorker:
        worker = self._workers[ref.uid] = PodWorker(ref, self._parts)
        worker.update(pod)
        if self._tasks is not None:
            self._start(worker)
        return worker

    def _start(self, worker: PodWorker) -> None:
        assert self._tasks is not None
        self._tasks.create_task(self._guard(worker), name=f"pod {worker.ref}")

    async def _guard(self, worker: PodWorker) -> None:
        """Run a worker to its end. A defect in the handling of one pod must not stop the other pods."""
        while True:
            try:
                await worker.run()
            except Exception:
                log.exception("pod_worker_failed", pod=str(worker.ref), uid=worker.ref.uid)
                await asyncio.sleep(_WORKER_PAUSE_S * self._parts.random.uniform(0.8, 1.2))
            else:
                if not worker.wanted:
                    break
        del self._workers[worker.ref.uid]
        self._forgotten(worker.ref.uid)

    async def _follow_events(self) -> None:
        failures = 0
        while True:
            try:
                async with contextlib.aclosing(self._parts.engine.events()) as events:
                    async for event in events:
                        failures = 0
                        self._touched(event.pod_uid)
            except RuntimeFailure as error:
                self._failed(error)
            failures += 1
            pause_s = min(_RECONNECT_MAX_S, _RECONNECT_FIRST_S * 2 ** min(failures, 5))
            await asyncio.sleep(pause_s * self._parts.random.uniform(0.8, 1.2))

    def _touched(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.wake()
        else:
            self._relist.set()

    async def _relist_for_ever(self) -> None:
        while True:
            self._relist.clear()
            try:
                self._compare(await self._parts.engine.list())
                self.engine_error = ""
            except RuntimeFailure as error:
                self._failed(error)
            await asyncio.sleep(_RELIST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RELIST_S - _RELIST_PAUSE_S):
                    await self._relist.wait()

    def _compare(self, containers: tuple[ContainerState, ...]) -> None:
        """Wake the workers that have seen something else, and adopt what nobody wants in order to end it."""
        found: dict[str, list[ContainerState]] = {}
        for state in containers:
            found.setdefault(state.identity.pod.uid, []).append(state)
        for uid, worker in self._workers.items():
            if _seen(found.get(uid, ())) != _seen(worker.observed):
                worker.wake()
        for uid, states in found.items():
            if uid not in self._workers and self._authoritative:
                log.info("unknown_pod_found", pod=str(states[0].identity.pod), uid=uid)
                self._add(states[0].identity.pod, None)

    def _failed(self, error: RuntimeFailure) -> None:
        if not self.engine_error:
            log.warning("engine_lost", error=str(error))
        self.engine_error = str(error)


def _seen(states: tuple[ContainerState, ...] | list[ContainerState] | tuple[()]) -> set[tuple[str, str]]:
    return {(state.id, state.phase.value) for state in states}
