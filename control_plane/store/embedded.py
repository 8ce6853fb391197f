"""etcd as a supervised child process, for those who bring no etcd of their own.

Its data, ports and pid file are in the state directory. A killed control plane leaves etcd running; the next
one takes it over instead of starting a second on the same data. One member, on loopback, plain text.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import structlog

from knarr import transport
from knarr.backoff import Backoff
from knarr.proto.etcd import rpc_pb2 as rpc
from knarr.proto.etcd import rpc_pb2_grpc

READY_TIMEOUT_S = 30.0  # a large database takes some seconds to open
STOP_TIMEOUT_S = 10.0
STABLE_S = 30.0  # after which the next restart is prompt again
POLL_S = 0.05  # between looks at an etcd that starts

log = structlog.get_logger(__name__)


class EtcdMissingError(Exception):
    """There is no etcd binary."""

    def __init__(self) -> None:
        super().__init__(
            "no etcd found: install Debian's or Ubuntu's package etcd-server, or set KNARR_ETCD to an etcd "
            "binary, or name a running one with --etcd"
        )


class EtcdFailedError(Exception):
    """etcd was started and does not answer."""


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """How the child process is run."""

    data_dir: Path  # made when it does not exist
    binary: str | None = None  # None: $KNARR_ETCD, else `etcd` in PATH
    quota_bytes: int = 8 * 1024**3  # etcd's own advice for the most
    retention: str = "1h"  # history kept should our own compaction not run
    # One member elects itself: a slow tick costs nothing but idle wake-ups. Leases count in elections.
    heartbeat_ms: int = 300
    election_ms: int = 1500
    snapshot_count: int = 5000  # entries held in memory between raft snapshots; etcd's 100,000 cost memory


def find_binary(configured: str | None = None) -> str:
    """The etcd binary to run. Raises EtcdMissingError."""
    wanted = configured or os.environ.get("KNARR_ETCD") or "etcd"
    found = shutil.which(wanted)
    if found is None:
        raise EtcdMissingError
    return found


class EmbeddedEtcd:
    """One etcd, kept running between `start` and `stop`."""

    def __init__(self, settings: EmbeddedSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self._dir = settings.data_dir
        self._process: asyncio.subprocess.Process | None = None
        self._pid = 0
        self._client_port = 0
        self._peer_port = 0

    @property
    def endpoint(self) -> str:
        """ "host:port" for clients."""
        return f"127.0.0.1:{self._client_port}"

    @property
    def quota_bytes(self) -> int:
        """The size at which its database refuses writes."""
        return self._settings.quota_bytes

    @property
    def pid(self) -> int:
        """Of the running etcd; 0 when none runs."""
        return self._pid

    async def start(self) -> None:
        """Take over the etcd that runs on this data, or start one; return when it answers.

        Raises EtcdMissingError, EtcdFailedError."""
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._load_ports()
        pid = self._running_pid()
        if pid:
            self._pid = pid
            if await self._answers(READY_TIMEOUT_S):
                log.info("etcd_was_adopted", pid=pid, endpoint=self.endpoint)
                return
            await self._end(pid)
        await self._spawn()

    async def run(self) -> None:
        """Restart etcd whenever it ends, until cancelled; a task of the owner's TaskGroup."""
        backoff = Backoff(self._rng, 0.1, 10.0)
        loop = asyncio.get_running_loop()
        while True:
            started_at = loop.time()
            await self._ended()
            if loop.time() - started_at > STABLE_S:
                backoff.reset()
            pause_s = backoff.next_s()
            log.error("etcd_ended", pid=self._pid, restart_in_s=round(pause_s, 2))
            await asyncio.sleep(pause_s)
            with contextlib.suppress(EtcdFailedError):
                await self._spawn()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not end it in STOP_TIMEOUT_S."""
        if self._pid:
            await self._end(self._pid)
        self._pid = 0
        with contextlib.suppress(FileNotFoundError):
            self._pid_file.unlink()

    # The process

    async def stop_orphan(self) -> None:
        """Stop the etcd of this data that a killed control plane left running, if there is one."""
        self._pid = self._running_pid() if self._dir.exists() else 0
        if self._pid:
            await self.stop()

    async def _spawn(self) -> None:
        binary = find_binary(self._settings.binary)
        with (self._dir / "etcd.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                binary,
                *self._arguments(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine.replace("aarch64", "arm64")},
                start_new_session=True,  # a terminal's Ctrl-C is for us; we end it when we are done
            )
        self._pid = self._process.pid
        self._pid_file.write_text(f"{self._pid}\n")
        if not await self._answers(READY_TIMEOUT_S):
            raise EtcdFailedError(f"etcd does not answer at {self.endpoint}, see {self._dir / 'etcd.log'}")
        log.info("etcd_was_started", pid=self._pid, endpoint=self.endpoint)

    def _arguments(self) -> list[str]:
        settings = self._settings
        client, peer = f"http://{self.endpoint}", f"http://127.0.0.1:{self._peer_port}"
        return [
            "--name=knarr",
            f"--data-dir={self._dir / 'data'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=knarr={peer}",
            f"--heartbeat-interval={settings.heartbeat_ms}",
            f"--election-timeout={settings.election_ms}",
            f"--snapshot-count={settings.snapshot_count}",
            f"--quota-backend-bytes={settings.quota_bytes}",
            "--auto-compaction-mode=periodic",
            f"--auto-compaction-retention={settings.retention}",
            "--logger=zap",
            "--log-level=warn",
        ]

    async def _ended(self) -> None:
        """Return when the process has ended."""
        await self._gone(self._pid)

    async def _end(self, pid: int) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._gone(pid)
                    return

    async def _gone(self, pid: int) -> None:
        if self._process is not None and self._process.pid == pid:
            await self._process.wait()
        else:
            await _exit_of(pid)

    async def _answers(self, timeout_s: float) -> bool:
        """Whether etcd answers in time; not when it ends before."""
        channel = transport.channel(self.endpoint)
        stub = rpc_pb2_grpc.MaintenanceStub(channel)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        try:
            while loop.time() < deadline and _alive(self._pid):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    status = await stub.Status(rpc.StatusRequest(), timeout=1.0)
                    if status.leader:
                        return True
                await asyncio.sleep(POLL_S)
        finally:
            await channel.close()
        return False

    # What the state directory remembers

    @property
    def _pid_file(self) -> Path:
        return self._dir / "etcd.pid"

    def _running_pid(self) -> int:
        """The pid of an etcd that runs on our data; 0 if there is none."""
        try:
            pid = int(self._pid_file.read_text())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        ours = f"--data-dir={self._dir / 'data'}".encode()
        return pid if ours in arguments and _alive(pid) else 0

    def _load_ports(self) -> None:
        """The ports of the last time: etcd keeps its peer address in its data, and clients remember."""
        file = self._dir / "ports.json"
        try:
            ports = json.loads(file.read_text())
            self._client_port, self._peer_port = int(ports["client"]), int(ports["peer"])
        except (OSError, ValueError, KeyError, TypeError):
            self._client_port, self._peer_port = _free_ports()
            file.write_text(json.dumps({"client": self._client_port, "peer": self._peer_port}))


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


async def _exit_of(pid: int) -> None:
    """Return when a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _alive(pid: int) -> bool:
    """Whether the process runs: zombies do not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
