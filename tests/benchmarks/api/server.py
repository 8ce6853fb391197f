"""An api server as users have it: a process of its own, on a real etcd, reached over gRPC on loopback."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from knarr.cli.local.cluster import free_port
from knarr.client import Client
from knarr.errors import ApiError
from tests.support.etcd import real_etcd

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running one."""

    address: str
    pids: dict[str, int]  # server and etcd

    @property
    def pid(self) -> int:
        return self.pids["server"]

    @asynccontextmanager
    async def clients(self, count: int) -> AsyncIterator[Sequence[Client]]:
        """So many clients, each with a connection of its own."""
        async with AsyncExitStack() as stack:
            dialled = [await Client.dial([self.address], field_manager="bench") for _ in range(count)]
            yield [await stack.enter_async_context(client) for client in dialled]


@asynccontextmanager
async def api_server() -> AsyncIterator[ServerProcess]:
    """An empty cluster with the role api alone, so that nothing but requests costs anything."""
    async with real_etcd() as etcd:
        with tempfile.TemporaryDirectory() as folder:
            address = f"127.0.0.1:{free_port(0)}"
            process = _start(Path(folder), address, etcd.endpoint)
            try:
                await _answers(address)
                yield ServerProcess(address, {"server": process.pid, "etcd": etcd.pid})
            finally:
                process.terminate()
                await asyncio.to_thread(process.wait, STOP_TIMEOUT_S)


def _start(folder: Path, address: str, etcd: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "control_plane", "--roles", "api", "--log-level", "warning"]
    command += ["--state-dir", str(folder / "state"), "--listen", address, "--etcd", etcd]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


async def _answers(address: str) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            with contextlib.suppress(ApiError):
                async with await Client.dial([address]) as client:
                    await client.server_info()
                    return
            await asyncio.sleep(POLL_S)
