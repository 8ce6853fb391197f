"""Embedded etcd and its maintenance, on the real thing."""

import asyncio
import hashlib
import os
import random
import shutil
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from control_plane.store.embedded import EmbeddedEtcd, EmbeddedSettings, EtcdMissingError, find_binary
from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdSettings
from control_plane.store.health import Concern
from control_plane.store.interface import CompactedError
from control_plane.store.maintenance import Maintenance, MaintenanceSettings
from knarr.clock import SystemClock
from tests.support.etcd import RealEtcd, memory_folder
from tests.support.stores import put

pytestmark = pytest.mark.etcd


@pytest.fixture
async def folder() -> AsyncGenerator[Path, None]:
    made = memory_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def embedded(folder: Path) -> EmbeddedEtcd:
    return EmbeddedEtcd(EmbeddedSettings(folder, heartbeat_ms=50, election_ms=500), random.Random(0))


async def test_the_next_control_plane_adopts_the_etcd_of_a_killed_one(folder: Path) -> None:
    first, second = embedded(folder), embedded(folder)
    await first.start()
    await second.start()
    assert second.pid == first.pid
    assert second.endpoint == first.endpoint
    await second.stop()
    assert second.pid == 0
    third = embedded(folder)
    await third.start()
    assert third.pid != first.pid
    assert third.endpoint == first.endpoint
    await third.stop()


async def test_a_stale_pid_file_of_another_process_is_not_adopted(folder: Path) -> None:
    (folder / "etcd.pid").write_text(f"{os.getpid()}\n")
    etcd = embedded(folder)
    await etcd.start()
    assert etcd.pid != os.getpid()
    await etcd.stop()


@pytest.mark.parametrize("adopted", [False, True], ids=["own child", "adopted"])
async def test_a_killed_etcd_is_restarted(folder: Path, adopted: bool) -> None:
    starter = embedded(folder)
    await starter.start()
    etcd = starter
    if adopted:
        etcd = embedded(folder)
        await etcd.start()
    running = asyncio.create_task(etcd.run(), name="embedded-etcd")
    store = EtcdStore.connect(EtcdSettings((etcd.endpoint,), request_timeout_s=20), random.Random(0))
    version = await put(store, "/a/x", b"kept")
    killed = etcd.pid
    os.kill(killed, signal.SIGKILL)
    record = await store.get("/a/x")
    assert record is not None
    assert record.version == version
    assert etcd.pid != killed
    running.cancel()
    await asyncio.wait([running])
    await store.close()
    await etcd.stop()
    await starter.stop()


def test_a_missing_binary_is_named_with_its_package() -> None:
    with pytest.raises(EtcdMissingError, match="etcd-server"):
        find_binary("/nowhere/etcd")


async def test_a_snapshot_is_whole_and_old_ones_go(etcd: RealEtcd, folder: Path) -> None:
    store = etcd.store()
    await put(store, "/a/x", bytes(100_000))
    settings = MaintenanceSettings(snapshot_dir=folder / "snapshots", snapshots_kept=2)
    upkeep = Maintenance(store, settings, SystemClock())
    made = [await upkeep.snapshot() for _ in range(3)]
    assert sorted((folder / "snapshots").iterdir()) == made[1:]
    content = made[-1].read_bytes()
    assert hashlib.sha256(content[:-32]).digest() == content[-32:]


async def test_compaction_keeps_one_period(etcd: RealEtcd) -> None:
    store = etcd.store()
    upkeep = Maintenance(store, MaintenanceSettings(), SystemClock())
    versions = []
    for _ in range(3):
        for number in range(3):
            await put(store, "/a/x", b"%d" % number)
        versions.append((await store.list("/a/")).version)
        await upkeep.compact()
    with pytest.raises(CompactedError):
        await store.list("/a/", version=versions[0])
    assert (await store.list("/a/", version=versions[1])).records


async def test_the_check_finds_a_small_quota(etcd: RealEtcd) -> None:
    store = etcd.store()
    upkeep = Maintenance(store, MaintenanceSettings(quota_bytes=1), SystemClock())
    await upkeep.check()
    assert [finding.concern for finding in upkeep.findings] == [Concern.NEAR_QUOTA]
