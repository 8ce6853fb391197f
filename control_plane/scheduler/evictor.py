"""Carries out preemptions: deletes the victims and notes on the pod for which node it waits.

What fails is not tried again here: the pod is decided about again, and that repeats what is still needed.
Owns its task; may not decide.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import structlog

from control_plane.objects.interface import DeleteOptions, Objects, Writer
from control_plane.scheduler.cluster import PlacedPod
from control_plane.scheduler.decisions import Preemption
from control_plane.scheduler.reporter import Recorder, note_unschedulable
from knarr.api.conditions import set_condition
from knarr.api.kinds import POD
from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

log = structlog.get_logger()
_AT_ONCE = 64
_REMEMBERED = 10_000
DISRUPTION_TARGET = "DisruptionTarget"


class Evictor:
    """See the module's docstring. `done` is told when all victims of a pod have been told to go."""

    def __init__(
        self,
        objects: Objects,
        writer: Writer,
        recorder: Recorder,
        clock: Clock,
        done: Callable[[Preemption], None],
    ) -> None:
        self._objects, self._writer, self._recorder, self._clock = objects, writer, recorder, clock
        self._done = done
        self._waiting: OrderedDict[str, Preemption] = OrderedDict()  # by pod: never more than pods that wait
        self._some = asyncio.Event()
        self._told: OrderedDict[str, None] = OrderedDict()  # uids of pods that were told to go

    def add(self, preemption: Preemption) -> None:
        """Make room for a pod; does not block."""
        self._waiting[preemption.pod.key] = preemption
        self._some.set()

    async def run(self) -> None:
        """Carry out preemptions until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                portion = [
                    self._waiting.popitem(last=False)[1] for _ in range(min(_AT_ONCE, len(self._waiting)))
                ]
                async with asyncio.TaskGroup() as group:
                    for preemption in portion:
                        group.create_task(self._carry_out(preemption), name="scheduler-preemption")

    async def _carry_out(self, preemption: Preemption) -> None:
        for victim in preemption.victims:
            if not victim.terminating:
                await self._evict(victim, preemption)
        await self._nominate(preemption)
        self._done(preemption)

    async def _evict(self, victim: PlacedPod, preemption: Preemption) -> None:
        """Tell a victim to go, once: several pods that are decided about before it is seen to go may need it
        gone."""
        if victim.uid in self._told:
            return
        self._told[victim.uid] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        namespace, _, name = victim.key.partition("/")
        pod = self._objects.get(core.Pod, namespace, name)
        if pod is not None and pod.metadata.uid == victim.uid:
            await self._mark(pod)
        try:
            await self._writer.delete(POD, namespace, name, DeleteOptions(uid=victim.uid))
        except ApiError as error:
            self._told.pop(victim.uid, None)
            log.info("victim_not_evicted", pod=victim.key, by=preemption.pod.key, error=str(error))
            return
        if pod is not None:
            message = f"Preempted by pod {preemption.pod.uid} on node {preemption.node}"
            self._recorder.record(pod, "Normal", "Preempted", message)

    async def _mark(self, pod: core.Pod) -> None:
        """Say on the victim why it goes, for whoever counts failures. It goes also when that fails."""
        reason = "PreemptionByScheduler"
        why = f"{pod.spec.schedulerName}: preempting to accommodate a higher priority pod"
        now = self._clock.now()
        condition = set_condition(pod.status.conditions, DISRUPTION_TARGET, "True", reason, why, now)
        condition.observedGeneration = pod.metadata.generation
        try:
            await self._writer.update_status(pod)
        except ApiError as error:
            log.info("victim_not_marked", pod=pod.metadata.name, error=str(error))

    async def _nominate(self, preemption: Preemption) -> None:
        namespace, _, name = preemption.pod.key.partition("/")
        pod = self._objects.get(core.Pod, namespace, name)
        if pod is None or pod.spec.nodeName:
            return
        said = not note_unschedulable(pod, preemption.refusal.message, self._clock.now())
        if said and pod.status.nominatedNodeName == preemption.node:
            return
        pod.status.nominatedNodeName = preemption.node
        try:
            await self._writer.update_status(pod)
        except ApiError as error:
            log.info("nomination_not_written", pod=preemption.pod.key, error=str(error))
            return
        self._recorder.record(pod, "Warning", "FailedScheduling", preemption.refusal.message)
