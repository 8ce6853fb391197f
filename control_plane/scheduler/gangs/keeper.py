"""Tells people how their gangs fare, and frees nodes that a gang holds in vain.

Writes PodGroups' condition PodGroupScheduled: True once as many pods as must have a node, False with the
reason while they do not fit. A gang that holds nodes with too few pods for longer than scheduleTimeoutSeconds
(a node was lost while it was bound, say) is taken off them: all or none. Owns its task; may not decide where
pods go.
"""

import asyncio
from collections import OrderedDict

import structlog

from control_plane.objects.interface import DeleteOptions, Objects, Writer
from control_plane.scheduler.decisions import Unschedulable
from control_plane.scheduler.gangs.membership import SCHEDULED, Membership
from control_plane.scheduler.reporter import Recorder
from knarr.api.conditions import condition_of, set_condition
from knarr.api.kinds import POD
from knarr.clock import Clock
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as scheduling

log = structlog.get_logger()
_INTERVAL_S = 1.0  # between two looks: also the least time between two writes about one gang
_REASONS = {"True": "Scheduled", "False": "Unschedulable"}


class GangKeeper:
    """See the module's docstring."""

    def __init__(
        self, membership: Membership, objects: Objects, writer: Writer, recorder: Recorder, clock: Clock
    ) -> None:
        self._membership, self._objects = membership, objects
        self._writer, self._recorder, self._clock = writer, recorder, clock
        self._changed: OrderedDict[str, str] = OrderedDict()  # gang -> why it does not fit, "" if it may
        self._some = asyncio.Event()

    def changed(self, gang: str, refusal: Unschedulable | None = None) -> None:
        """Look at the gang again; does not block."""
        self._changed[gang] = refusal.message if refusal else self._changed.get(gang, "")
        self._some.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wait()
            while self._changed:
                gang, why = self._changed.popitem(last=False)
                await self._tell(gang, why)
            for gang, pods in self._membership.overdue(self._clock.monotonic()).items():
                await self._release(gang, pods)
            await asyncio.sleep(_INTERVAL_S)

    async def _wait(self) -> None:
        """Until something has changed, or, while a gang is short of pods, not at all."""
        if not self._membership.any_short:
            await self._some.wait()
        self._some.clear()

    async def _tell(self, gang: str, why: str) -> None:
        complete = self._membership.is_complete(gang)
        group = self._group(gang)
        if group is None or not group.spec.schedulingPolicy.HasField("gang") or not (complete or why):
            return
        status, message = ("True", "") if complete else ("False", why)
        if not note_scheduled(group, status, message, self._clock.now()):
            return
        try:
            await self._writer.update_status(group)
        except ApiError as error:
            log.info("gang_condition_not_written", gang=gang, error=str(error))

    async def _release(self, gang: str, pods: tuple[str, ...]) -> None:
        """Delete the pods that run; who owns them makes new ones, which wait for each other again."""
        group = self._group(gang)
        if group is None:
            return
        self._recorder.record(
            group, "Warning", "GangIncomplete", f"{len(pods)} pods held nodes in vain and were deleted"
        )
        for key in pods:
            namespace, _, name = key.partition("/")
            pod = self._objects.get(core.Pod, namespace, name)
            if pod is None or pod.metadata.HasField("deletionTimestamp"):
                continue
            try:
                await self._writer.delete(POD, namespace, name, DeleteOptions(uid=pod.metadata.uid))
            except ApiError as error:
                log.info("gang_pod_not_deleted", pod=key, gang=gang, error=str(error))

    def _group(self, gang: str) -> scheduling.PodGroup | None:
        namespace, _, name = gang.partition("/")
        return self._objects.get(scheduling.PodGroup, namespace, name)


def note_scheduled(group: scheduling.PodGroup, status: str, message: str, now: float) -> bool:
    """Set PodGroupScheduled; False when it says so already, or has been True once: that stays."""
    found = condition_of(group.status.conditions, SCHEDULED)
    if found is not None and (found.status == "True" or (found.status, found.message) == (status, message)):
        return False
    reason = _REASONS[status]
    condition = set_condition(group.status.conditions, SCHEDULED, status, reason, message, now)
    condition.observedGeneration = group.metadata.generation
    return True
