"""Lets controllers act on a fork until they come to rest, and plays the agents' part. No scheduling."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from google.protobuf.message import Message

from control_plane.api.messages import copy
from control_plane.controllers import standard_controllers
from control_plane.controllers.actions import EventType, Failure, Record, RequeueAfter
from control_plane.controllers.apply import Applier, ApplySettings
from control_plane.controllers.loop import Controller
from control_plane.insight.plan.fork import Fork
from control_plane.insight.plan.gathering import OWNED
from control_plane.objects.interface import Binding, DeleteOptions, ObjectKey
from control_plane.volumes.matching import point_at
from knarr.api.kinds import POD
from knarr.api.timestamps import timestamp
from knarr.clock import Clock
from knarr.errors import NotFound
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core

_MOST_PASSES = 50
_AT_ONCE = 32  # writes: few enough that the event loop is not held for long


class NobodyConnected:
    """The agents' sessions as the fork knows them: there are none."""

    started_at = 0.0

    def last_seen(self, node_name: str) -> float | None:
        return None

    def listen(self, listener: Callable[[str, object], None]) -> Callable[[], None]:
        return lambda: None


def followed_controllers(clock: Clock) -> tuple[Controller[Any], ...]:
    """The controllers whose decisions a plan follows: those that make pods, or what makes pods, and those
    that bind volumes. Not that of CronJobs, which makes jobs when their time has come, not when they are
    applied."""
    followed = {*OWNED, core.PersistentVolumeClaim, core.PersistentVolume} - {batch.CronJob}
    every = standard_controllers(clock, NobodyConnected())
    return tuple(one for one in every if one.primaries and followed.issuperset(one.primaries))


class Silence:
    """Takes events, and tells nobody."""

    def record(self, obj: Message, type: EventType, reason: str, message: str) -> None:
        return None


class Rehearsal:
    """The controllers on a fork."""

    def __init__(self, fork: Fork, controllers: Sequence[Controller[Any]]) -> None:
        self._fork, self._controllers = fork, controllers
        self._applier = Applier(fork.writer, Silence(), ApplySettings(concurrency=_AT_ONCE))
        self.failures: dict[ObjectKey, Failure] = {}  # what was refused for good

    async def settle(self) -> bool:
        """Decide and act until nothing is left to do; whether anything was done."""
        done = False
        for _ in range(_MOST_PASSES):
            again = False
            for controller in self._controllers:
                for primary in controller.primaries:
                    for key in list(self._fork.objects.keys(primary)):
                        again |= await self._decide(controller, key)
            if not again:
                return done
            done = True
        return done

    async def _decide(self, controller: Controller[Any], key: ObjectKey) -> bool:
        """One decision; whether it was carried out and changed anything."""
        snapshot = controller.snapshot(self._fork.objects, key, self.failures.get(key))
        if snapshot is None:
            return False
        actions = controller.decide(snapshot, self._fork.clock.now())
        writes = [action for action in actions if not isinstance(action, Record | RequeueAfter)]
        if not writes:
            return False
        applied = await self._applier.apply(writes)
        if applied.failure is not None:
            self.failures[key] = applied.failure
        return applied.error is None

    async def end_deleted(self, pods: dict[str, core.Pod]) -> bool:
        """Pods that were told to stop are gone, as their agents would report; they are taken out of `pods`.
        Whether there were any."""
        going = [key for key, pod in pods.items() if pod.metadata.HasField("deletionTimestamp")]
        for key in going:
            await self.delete(pods.pop(key))
        return bool(going)

    async def delete(self, pod: core.Pod) -> None:
        """A pod is gone at once; whoever set finalizers on it has taken them away."""
        options = DeleteOptions(grace_period_s=0, uid=pod.metadata.uid)
        with suppress(NotFound):
            if pod.metadata.finalizers:
                freed = copy(pod)
                freed.metadata.ClearField("finalizers")
                freed.metadata.resourceVersion = ""
                await self._fork.writer.update(freed)
            await self._fork.writer.delete(POD, pod.metadata.namespace, pod.metadata.name, options)

    async def bind(self, pods: Sequence[tuple[core.Pod, str]]) -> None:
        """Pods have nodes, and run there and are ready at once."""
        await self._fork.writer.bind(
            [Binding(pod.metadata.namespace, pod.metadata.name, pod.metadata.uid, node) for pod, node in pods]
        )
        now = timestamp(self._fork.clock.now())
        for pod, _ in pods:
            current = self._fork.objects.get(core.Pod, pod.metadata.namespace, pod.metadata.name)
            if current is None:
                continue
            current.status.phase = "Running"
            current.status.startTime.CopyFrom(now)
            current.status.conditions.add(type="Ready", status="True", lastTransitionTime=now)
            await self._fork.writer.update_status(current)

    async def take_volumes(self, volumes: Mapping[tuple[str, str], str]) -> None:
        """Claims get the volumes that the scheduler has chosen for them; the controller tells the claims."""
        for (namespace, name), volume_name in volumes.items():
            claim = self._fork.objects.get(core.PersistentVolumeClaim, namespace, name)
            volume = self._fork.objects.get(core.PersistentVolume, "", volume_name)
            if claim is not None and volume is not None:
                point_at(volume, claim)
                await self._fork.writer.update(volume)

    def pass_time(self) -> None:
        """As long as it takes until what is ready counts as available."""
        waits = [0.0]
        for controller in self._controllers:
            for primary in controller.primaries:
                for obj in self._fork.objects.list(primary):
                    waits.append(float(getattr(obj.spec, "minReadySeconds", 0)))  # type: ignore[attr-defined]
        self._fork.clock.advance(1.0 + max(waits))
