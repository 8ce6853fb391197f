"""Replicas of the control plane as processes, on one real etcd: killed and followed as they come."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import Message

from control_plane.store.election import PREFIX
from knarr.cli.local.cluster import free_port
from knarr.client import Client
from knarr.errors import AlreadyExists
from tests.support.cluster import START_TIMEOUT_S, STOP_TIMEOUT_S, until
from tests.support.etcd import RealEtcd, real_etcd


@dataclass(slots=True)
class Replicas:
    """See the module's docstring."""

    folder: Path
    etcd: RealEtcd
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def addresses(self) -> list[str]:
        return list(self._processes)

    def pid(self, address: str) -> int:
        return self._processes[address].pid

    async def start(self, *roles: str) -> str:
        """One more, with these roles; returns its address once it answers."""
        address = f"127.0.0.1:{free_port(0)}"
        command = [sys.executable, "-m", "control_plane", "--roles", ",".join(roles)]
        command += ["--state-dir", str(self.folder / address), "--listen", address]
        command += ["--etcd", self.etcd.endpoint, "--log-level", "warning"]
        self._processes[address] = await asyncio.to_thread(
            subprocess.Popen, command, stdin=subprocess.DEVNULL
        )

        async def answers() -> bool:
            async with await Client.dial([address]) as client:
                await client.server_info()
            return True

        await until(answers, START_TIMEOUT_S, f"{address} answers")
        return address

    async def leader(self, election: str) -> str:
        """The address of the replica that leads, or ""."""
        record = await self.etcd.store().get(f"{PREFIX}{election}")
        return record.value.decode() if record else ""

    def kill(self, address: str) -> None:
        """kill -9; returns when it is gone."""
        process = self._processes.pop(address)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(STOP_TIMEOUT_S)

    async def stop(self) -> None:
        """End all of them."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)


async def created(client: Client, obj: Message) -> None:
    """Create an object, asked for until it is there: replicas come and go meanwhile."""

    async def is_there() -> bool:
        with suppress(AlreadyExists):
            await client.create(obj)
        return True

    await until(is_there, START_TIMEOUT_S, "an object is created")


@asynccontextmanager
async def replicas(folder: Path) -> AsyncIterator[Replicas]:
    """None yet, on an etcd of their own; those that are started end with this."""
    async with real_etcd() as etcd:
        made = Replicas(folder, etcd)
        try:
            yield made
        finally:
            await made.stop()
