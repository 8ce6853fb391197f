"""On the way to the binder: takes the volumes that were kept for pods, and waits until claims are bound.

The volume is pointed at its claim by compare-and-set; the volume controller tells the claim. A pod whose
volume went to somebody else, or whose claim is not bound in time, is handed back. Pods without such claims go
on at once. Owns its tasks; may not decide.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from control_plane.objects.interface import Objects, Writer
from control_plane.scheduler.binder import Binder, Failed
from control_plane.scheduler.decisions import Placed
from control_plane.scheduler.storage import Name
from control_plane.volumes.matching import point_at, points_at
from knarr.errors import ApiError, Conflict, NotFound, Timeout
from knarr.proto.kubernetes import core_v1_pb2 as core

log = structlog.get_logger()
_LOOK_S = 0.05
_AT_ONCE = 32


class VolumeTaker:
    """See the module's docstring. `kept_for`: by a pod's key, its claims and the volumes kept for them.
    `failed` is called once for each pod that is handed back, and must not block."""

    def __init__(
        self,
        objects: Objects,
        writer: Writer,
        timeout_s: float,
        kept_for: Callable[[str], Mapping[Name, str]],
        binder: Binder,
        failed: Failed,
    ) -> None:
        self._objects, self._writer, self._timeout_s = objects, writer, timeout_s
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

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(_AT_ONCE):
                group.create_task(self._work(), name=f"scheduler-volumes-{number}")

    async def _work(self) -> None:
        while True:
            placed, volumes = await self._waiting.get()
            error: ApiError | None = None
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._take_all(volumes)
            except TimeoutError:
                error = Timeout("the claims of the pod were not bound in time")
            except ApiError as failure:
                error = failure
            self._under_way.discard(placed.pod.key)
            if error is None:
                self._binder.add([placed])
            else:
                log.info("volumes_not_taken", pod=placed.pod.key, error=str(error))
                self._failed(placed, error)

    async def _take_all(self, volumes: Mapping[Name, str]) -> None:
        for claim, volume in volumes.items():
            await self._take(claim, volume)
        for claim, volume in volumes.items():
            while not self._is_bound(claim, volume):  # noqa: ASYNC110 - looks into a cache
                await asyncio.sleep(_LOOK_S)

    async def _take(self, name: Name, volume_name: str) -> None:
        claim = self._objects.get(core.PersistentVolumeClaim, *name)
        volume = self._objects.get(core.PersistentVolume, "", volume_name)
        if claim is None or volume is None:
            raise NotFound(f"volume {volume_name} or claim {'/'.join(name)} has gone")
        if volume.spec.HasField("claimRef") and not points_at(volume, claim):
            raise Conflict(f"volume {volume_name} was taken by another claim")
        if volume.spec.claimRef.uid != claim.metadata.uid:
            point_at(volume, claim)
            await self._writer.update(volume)

    def _is_bound(self, name: Name, volume: str) -> bool:
        claim = self._objects.get(core.PersistentVolumeClaim, *name)
        if claim is None:
            raise NotFound(f"claim {'/'.join(name)} has gone")
        return claim.status.phase == "Bound" and claim.spec.volumeName == volume
