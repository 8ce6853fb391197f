"""A real cluster for tests: real processes, a real etcd, a real engine, all of one test's own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from knarr.cli.local.cluster import free_port
from knarr.client import Client
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.1


async def until(check: Callable[[], Awaitable[bool]], timeout_s: float, what: str) -> None:
    """Wait until a check holds; API errors count as not yet."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                with contextlib.suppress(ApiError):
                    if await check():
                        return
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise AssertionError(f"not within {timeout_s:g} s: {what}") from error


@dataclass(slots=True)
class RealCluster:
    """A control plane with its embedded etcd, and agents on this machine's Docker engine."""

    root: Path
    nodes: Sequence[str] = ("alpha", "beta")
    runtime: str = "docker"
    port: int = field(default_factory=lambda: free_port(0))
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start_server(self) -> None:
        """Start the control plane process."""
        state = str(self.root / "server")
        self._start("server", "control_plane", "--state-dir", state, "--listen", self.address)

    def start_agent(self, node: str) -> None:
        """Start a node's agent process."""
        self._start(node, "node_agent", "run", "--connect", self.address, *self._identity(node))

    def _identity(self, node: str) -> list[str]:
        state = str(self.root / node)
        return ["--node-name", node, "--state-dir", state, "--runtime", self.runtime]

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with (self.root / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self, name: str) -> None:
        """kill -9 of "server" or of a node's agent."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(STOP_TIMEOUT_S)

    def pid(self, name: str) -> int:
        """Of "server" or of a node's agent."""
        return self._processes[name].pid

    def kill_etcd(self) -> None:
        """kill -9 of the embedded etcd; the server starts it again."""
        os.kill(self.etcd_pid(), signal.SIGKILL)

    def etcd_pid(self) -> int:
        """The pid of the embedded etcd."""
        found = subprocess.run(
            ["pgrep", "-f", f"etcd.*{self.root / 'server' / 'etcd'}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(found.stdout.split()[0])

    async def start(self) -> None:
        """Start everything and wait until all nodes are Ready."""
        self.start_server()
        for node in self.nodes:
            self.start_agent(node)
        await self.nodes_ready()

    async def client(self) -> Client:
        """A connection, once the server answers."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                try:
                    return await Client.dial([self.address])
                except ApiError:
                    await asyncio.sleep(POLL_S)

    async def nodes_ready(self) -> None:
        """Wait until all nodes are Ready."""

        async def ready() -> bool:
            async with await self.client() as client:
                nodes = (await client.list(core.Node)).items
            return sum(map(is_ready, nodes)) == len(self.nodes)

        await until(ready, START_TIMEOUT_S, f"{len(self.nodes)} nodes Ready\n{self.logs()}")

    def stop(self) -> None:
        """End every process and remove every container."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        self._processes.clear()
        for node in self.nodes:
            self._finish("node_agent", "purge", *self._identity(node))
        self._finish("control_plane", "--stop-store", "--state-dir", str(self.root / "server"))

    @staticmethod
    def _finish(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", *arguments], check=True, capture_output=True, timeout=120)

    def logs(self) -> str:
        """The ends of all logs, for a failure's message."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-20:])
            for path in sorted(self.root.glob("*.log"))
        )


def is_ready(obj: core.Node | core.Pod) -> bool:
    """Whether the Ready condition is True."""
    return any(found.type == "Ready" and found.status == "True" for found in obj.status.conditions)


@dataclass(frozen=True, slots=True)
class RunningContainer:
    """A container as the engine has it."""

    id: str
    pod_uid: str
    container: str
    started_at: str


def running_containers(nodes: Sequence[str], cluster_id: str) -> list[RunningContainer]:
    """The running containers of these nodes' pods, infra containers left out."""
    found: list[RunningContainer] = []
    for node in nodes:
        filters = [
            "--filter",
            f"label=knarr.io/node={node}",
            "--filter",
            f"label=knarr.io/cluster={cluster_id}",
        ]
        ids = subprocess.run(
            ["docker", "ps", "-q", "--no-trunc", *filters], capture_output=True, text=True, check=True
        )
        if not ids.stdout.split():
            continue
        # One that ends meanwhile is not told of, and is not running.
        inspected = subprocess.run(
            ["docker", "inspect", *ids.stdout.split()], capture_output=True, text=True, check=False
        )
        for value in json.loads(inspected.stdout or "[]"):
            labels = value["Config"]["Labels"]
            name = labels.get("knarr.io/container", "")
            if name and value["State"]["Running"]:
                found.append(
                    RunningContainer(
                        value["Id"], labels["knarr.io/pod-uid"], name, value["State"]["StartedAt"]
                    )
                )
    return found
