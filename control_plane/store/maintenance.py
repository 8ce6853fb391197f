"""Keeps an etcd cluster in shape: compaction, defragmentation, snapshots, and warnings, all by itself.

Every copy of the control plane may run it: doing any of it twice does no harm. A failure is logged and tried
again at the next turn.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
import structlog

from control_plane.store import health
from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import Endpoint
from control_plane.store.health import Finding, MemberStatus
from control_plane.store.interface import POSITIONS, StoreError
from knarr.clock import Clock
from knarr.proto.etcd import rpc_pb2 as rpc

STATUS_TIMEOUT_S = 3.0
DEFRAGMENT_TIMEOUT_S = 120.0
SNAPSHOT_TIMEOUT_S = 600.0
DIGEST_BYTES = 32  # etcd ends a snapshot with the SHA-256 of the rest
CHECKED_S = 60.0  # between looks at the cluster's health

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MaintenanceSettings:
    """How often, and how much is kept."""

    compact_every_s: float = 300.0  # history of one to two times this is kept, for watches that resume
    defragment_every_s: float = 3600.0
    snapshot_every_s: float = 6 * 3600.0
    snapshot_dir: Path | None = None  # None: no snapshots, as the operator of an external etcd makes them
    snapshots_kept: int = 4
    quota_bytes: int = health.DEFAULT_QUOTA_BYTES  # where etcd does not tell


class SnapshotError(Exception):
    """A snapshot that did not arrive whole."""


class Maintenance:
    """The upkeep of one cluster."""

    def __init__(self, store: EtcdStore, settings: MaintenanceSettings, clock: Clock) -> None:
        self._client = store.client
        self._store = store
        self._settings = settings
        self._clock = clock
        self._compact_next = 0  # the version that the next compaction goes up to
        self.findings: tuple[Finding, ...] = ()  # of the last look

    async def run(self) -> None:
        """Until cancelled; a task of the owner's TaskGroup."""
        settings = self._settings
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_every(CHECKED_S, 0.0, self.check), name="etcd-check")
            tasks.create_task(_every(settings.compact_every_s, 0.0, self.compact), name="etcd-compact")
            after_s = settings.defragment_every_s
            tasks.create_task(_every(after_s, after_s, self.defragment), name="etcd-defragment")
            if settings.snapshot_dir is not None:
                after_s = settings.snapshot_every_s
                tasks.create_task(_every(after_s, after_s, self.snapshot), name="etcd-snapshot")

    async def check(self) -> None:
        """Look at the cluster; log what is new among the findings."""
        statuses, unreachable = await self._statuses()
        members = await self._client.repeat(
            lambda endpoint: endpoint.cluster.MemberList, rpc.MemberListRequest()
        )
        alarms = await self._client.repeat(
            lambda endpoint: endpoint.maintenance.Alarm, rpc.AlarmRequest(action=rpc.AlarmRequest.GET)
        )
        full = any(alarm.alarm == rpc.NOSPACE for alarm in alarms.alarms)
        found = health.findings(len(members.members), statuses, unreachable, full, self._settings.quota_bytes)
        for finding in found:
            if finding not in self.findings:
                log.warning("etcd_needs_attention", concern=finding.concern.name, message=finding.message)
        self.findings = found

    async def compact(self) -> None:
        """Compact up to where the store was at the last call."""
        status = await self._client.repeat(lambda endpoint: endpoint.maintenance.Status, rpc.StatusRequest())
        upto, self._compact_next = self._compact_next, status.header.revision * POSITIONS + POSITIONS - 1
        if upto:
            await self._store.compact(upto)

    async def defragment(self) -> None:
        """Defragment, one after another, the members that need it."""
        statuses, _ = await self._statuses()
        endpoints = {endpoint.target: endpoint for endpoint in self._client.endpoints}
        for status in health.to_defragment(statuses):
            endpoint = endpoints[status.target]
            try:
                await endpoint.maintenance.Defragment(rpc.DefragmentRequest(), timeout=DEFRAGMENT_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                raise self._client.failure(endpoint, error) from error
            log.info("etcd_was_defragmented", target=status.target, db_bytes=status.db_bytes)

    async def snapshot(self) -> Path:
        """Save a snapshot, checked against etcd's digest, and drop the oldest beyond those kept. Its path.

        Raises StoreError, SnapshotError, OSError."""
        folder = self._settings.snapshot_dir
        assert folder is not None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = datetime.fromtimestamp(self._clock.now(), UTC)
        path = folder / f"etcd-{made:%Y%m%dT%H%M%S.%fZ}.db"
        part = path.with_suffix(".part")
        try:
            size = await self._receive(await self._client.connected(), part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        log.info("etcd_snapshot_was_saved", path=str(path), bytes=size)
        names = [found.name for found in folder.glob("etcd-*.db")]
        for name in health.to_drop(names, self._settings.snapshots_kept):
            (folder / name).unlink(missing_ok=True)
        return path

    async def _receive(self, endpoint: Endpoint, path: Path) -> int:
        """Stream a snapshot to a file, to disk; its size in bytes."""
        digest = hashlib.sha256()
        tail = b""
        size = 0
        call = endpoint.maintenance.Snapshot(rpc.SnapshotRequest(), timeout=SNAPSHOT_TIMEOUT_S)
        try:
            with path.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                async for response in call:
                    file.write(response.blob)
                    size += len(response.blob)
                    tail += response.blob
                    digest.update(tail[:-DIGEST_BYTES])
                    tail = tail[-DIGEST_BYTES:]
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
        except grpc.aio.AioRpcError as error:
            raise self._client.failure(endpoint, error) from error
        if tail != digest.digest():
            raise SnapshotError(f"the snapshot from {endpoint.target} is damaged")
        return size

    async def _statuses(self) -> tuple[list[MemberStatus], list[str]]:
        """Of the members that answer, and the addresses of those that do not."""
        answers = await asyncio.gather(*map(self._status, self._client.endpoints))
        statuses = [answer for answer in answers if answer is not None]
        targets = {status.target for status in statuses}
        return statuses, [one.target for one in self._client.endpoints if one.target not in targets]

    async def _status(self, endpoint: Endpoint) -> MemberStatus | None:
        try:
            status = await endpoint.maintenance.Status(rpc.StatusRequest(), timeout=STATUS_TIMEOUT_S)
        except grpc.aio.AioRpcError:
            return None
        return MemberStatus(
            target=endpoint.target,
            member_id=status.header.member_id,
            leader_id=status.leader,
            db_bytes=status.dbSize,
            db_used_bytes=status.dbSizeInUse,
            quota_bytes=status.dbSizeQuota,
        )


async def _every(period_s: float, first_s: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do it, first after `first_s` and then each `period_s`, whatever comes of it."""
    await asyncio.sleep(first_s)
    while True:
        try:
            await work()
        except (StoreError, SnapshotError, OSError) as error:
            log.warning("etcd_maintenance_failed", error=str(error))
        await asyncio.sleep(period_s)
