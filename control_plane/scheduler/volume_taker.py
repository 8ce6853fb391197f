"""On the way to the binder: takes the volumes that were kept for pods.

Each is taken by one compare-and-set, and the pod is bound at once: the volume controller tells the claim when
it sees the pod on its node (control_plane/volumes/taking.py). A pod whose volume went to somebody else is
handed back; what it took before waits for its next try, or is let go by the controller. Pods without such
claims go on at once. Owns its tasks; may not decide.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from control_plane.objects.interface import Objects, Writer
from control_plane.scheduler.binder import Binder, Failed
from control_plane.scheduler.decisions import Placed
from control_plane.scheduler.settings import SchedulerSettings
from control_plane.scheduler.storage import Name
from control_plane.volumes.taking import taken
from knarr.clock import Clock
from knarr.errors import ApiError, NotFound, Timeout
from knarr.proto.kubernetes import core_v1_pb2 as core

log = structlog.get_logger()
_AT_ONCE = 32


class VolumeWriter:
    """Takes one volume for one claim."""

    def __init__(self, objects: Objects, writer: Writer, clock: Clock) -> None:
        self._objects, self._writer, self._clock = objects, writer, clock

    async def take(self, name: Name, volume_name: str) -> None:
        """Raises ApiError: Conflict and NotFound when volume or claim are no longer what was decided on."""
        claim = self._objects.get(core.PersistentVolumeClaim, *name)
        volume = self._objects.get(core.PersistentVolume, "", volume_name)
        if claim is None or volume is None:
            raise NotFound(f"volume {volume_name} or claim {'/'.join(name)} has gone")
        changed = taken(volume, claim, self._clock.now())
        if changed is not None:
            await self._writer.update(changed)


class VolumeTaker:
    """See the module's docstring. `kept_for`: by a pod's key, its claims and the volumes kept for them.
    `failed` is called once for each pod that is handed back, and must not block."""

    def __init__(
        self,
        volumes: VolumeWriter,
        settings: SchedulerSettings,
        kept_for: Callable[[str], Mapping[Name, str]],
        binder: Binder,
        failed: Failed,
    ) -> None:
        self._volumes, self._settings = volumes, settings
        self._kept_for, self._binder, self._failed = kept_for, binder, failed
        self._waiting: asyncio.Queue[tuple[Placed, Mapping[Name, str]]] = asyncio.Queue()
        self._under_way: set[str] = set()

    def add(self, placements: Sequence[Placed]) -> None:
        """Bind these, once their volumes are theirs; does not block."""
        ready: list[Placed] = []
        for placed in placements:
            kept = self._kept_for(placed.pod.key) if placed.pod.shape.claims else {}
            if kept:
                self._under_way.add(placed.pod.key)
                self._waiting.put_nowait((placed, dict(kept)))
            else:
                ready.append(placed)
        self._binder.add(ready)

    def __contains__(self, key: str) -> bool:
        """Whether a pod's volumes are being taken, or its binding is on its way."""
        return key in self._under_way or key in self._binder

    @property
    def full(self) -> bool:
        """Whether deciding should wait. Nothing here waits but for answers of the store, and no longer than
        volumes_timeout_s: one slow pod takes one of many places."""
        return self._binder.full or len(self._under_way) >= self._settings.volumes_backlog

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(_AT_ONCE):
                group.create_task(self._work(), name=f"scheduler-volumes-{number}")

    async def _work(self) -> None:
        while True:
            placed, volumes = await self._waiting.get()
            error = await self._take_all(volumes)
            self._under_way.discard(placed.pod.key)
            if error is None:
                self._binder.add([placed])
            else:
                log.info("volumes_not_taken", pod=placed.pod.key, error=str(error))
                self._failed(placed, error)

    async def _take_all(self, volumes: Mapping[Name, str]) -> ApiError | None:
        try:
            async with asyncio.timeout(self._settings.volumes_timeout_s):
                for claim, volume in volumes.items():
                    await self._volumes.take(claim, volume)
        except TimeoutError:
            return Timeout("the pod's volumes were not taken in time")
        except ApiError as failure:
            return failure
        return None
