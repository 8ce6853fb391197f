"""A real etcd for tests: data under /dev/shm, free loopback ports, killed and restarted at will."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from control_plane.store.embedded import EmbeddedEtcd, EmbeddedSettings
from control_plane.store.etcd import EtcdStore
from control_plane.store.etcd_client import EtcdSettings

_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


class RealEtcd:
    """One etcd process on its own data."""

    def __init__(self, folder: Path) -> None:
        settings = EmbeddedSettings(folder, quota_bytes=512 * 1024**2, heartbeat_ms=50, election_ms=500)
        self._process = EmbeddedEtcd(settings, random.Random(0))
        self._stores: list[EtcdStore] = []

    @property
    def endpoint(self) -> str:
        return self._process.endpoint

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self) -> None:
        """Start it, or adopt the one that runs; returns when it answers."""
        await self._process.start()

    async def kill(self) -> None:
        """kill -9; returns when it is gone."""
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.stop()

    async def restart(self) -> None:
        """kill -9 and start again on the same data and ports."""
        await self.kill()
        await self.start()

    def pause(self) -> None:
        """Let it answer nothing until `resume`, as a partition would."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def store(self, timeout_s: float = 20.0) -> EtcdStore:
        """A new store on it, closed with it."""
        settings = EtcdSettings((self.endpoint,), request_timeout_s=timeout_s)
        store = EtcdStore.connect(settings, random.Random(1))
        self._stores.append(store)
        return store

    async def stop(self) -> None:
        """Close its stores and end it."""
        for store in self._stores:
            await store.close()
        self._stores.clear()
        await self._process.stop()


def memory_folder() -> Path:
    """A new folder that is no disk's, where there is such a place; the caller removes it."""
    return Path(tempfile.mkdtemp(prefix="knarr-etcd-", dir=_MEMORY))


@contextlib.asynccontextmanager
async def real_etcd() -> AsyncGenerator[RealEtcd, None]:
    """A running etcd with empty data, ended and removed afterwards."""
    folder = memory_folder()
    etcd = RealEtcd(folder)
    try:
        await etcd.start()
        yield etcd
    finally:
        await asyncio.shield(etcd.stop())
        shutil.rmtree(folder, ignore_errors=True)
