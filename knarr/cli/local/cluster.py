"""The local cluster as files: where its parts keep their data and which processes they are.

STATE/local/cluster.json     port, runtime, nodes
STATE/local/server/          etcd's data and the server's own
STATE/local/agents/NAME/     one agent's data
STATE/local/run/*.pid        processes
STATE/local/log/*.log        what they print
"""

import json
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from knarr.cli.local.processes import Process

DEFAULT_PORT = 7443
NODE_PREFIX = "node-"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the cluster consists of."""

    port: int
    runtime: str = "docker"
    nodes: tuple[str, ...] = ()
    scheduler_config: str = ""  # path of a KubeSchedulerConfiguration

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A local cluster below a state directory."""

    root: Path

    @classmethod
    def under(cls, state_dir: Path) -> "LocalCluster":
        return cls(state_dir / "local")

    def load(self) -> Layout | None:
        """The layout, or None when there is no cluster yet."""
        try:
            content = json.loads((self.root / "cluster.json").read_text())
        except FileNotFoundError:
            return None
        profiles = content.get("scheduler_config", "")
        return Layout(content["port"], content["runtime"], tuple(content["nodes"]), profiles)

    def save(self, layout: Layout) -> None:
        """Replace the layout atomically."""
        self.root.mkdir(parents=True, exist_ok=True)
        temporary = self.root / "cluster.json.new"
        temporary.write_text(json.dumps(asdict(layout)))
        os.replace(temporary, self.root / "cluster.json")

    def server(self) -> Process:
        """The server process."""
        return self._process("server")

    def agent(self, node: str) -> Process:
        """The agent process of a node."""
        return self._process(f"agent-{node}")

    def server_arguments(self, layout: Layout, extra: Iterable[str] = ()) -> list[str]:
        """How the server is started."""
        state = str(self.root / "server")
        profiles = ("--scheduler-config", layout.scheduler_config) if layout.scheduler_config else ()
        return [
            *(sys.executable, "-P", "-m", "control_plane", "--state-dir", state, "--listen", layout.address),
            *profiles,
            *extra,
        ]

    def agent_arguments(self, layout: Layout, node: str) -> list[str]:
        """How a node's agent is started."""
        return [
            *(sys.executable, "-P", "-m", "node_agent", "run", "--connect", layout.address),
            *self.agent_identity(layout, node),
        ]

    def purge_arguments(self, layout: Layout, node: str) -> list[str]:
        """How everything that a node runs is removed."""
        return [sys.executable, "-P", "-m", "node_agent", "purge", *self.agent_identity(layout, node)]

    def agent_identity(self, layout: Layout, node: str) -> list[str]:
        state = str(self.root / "agents" / node)
        return ["--node-name", node, "--state-dir", state, "--runtime", layout.runtime]

    def _process(self, name: str) -> Process:
        return Process(name, self.root / "run" / f"{name}.pid", self.root / "log" / f"{name}.log")


def planned(
    existing: Layout | None, nodes: int | None, runtime: str | None, scheduler_config: Path | None = None
) -> Layout:
    """The layout that `up` shall bring about: what exists, with the nodes and profiles asked for."""
    layout = existing or Layout(free_port(DEFAULT_PORT), runtime or "docker")
    if runtime is not None and not layout.nodes:
        layout = replace(layout, runtime=runtime)
    if scheduler_config is not None:
        layout = replace(layout, scheduler_config=str(scheduler_config.absolute()))
    count = nodes if nodes is not None else (len(layout.nodes) or 2)
    kept = list(layout.nodes[:count])
    number = 1
    while len(kept) < count:
        name = f"{NODE_PREFIX}{number}"
        if name not in kept:
            kept.append(name)
        number += 1
    return replace(layout, nodes=tuple(kept))


def free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else any free port of the loopback interface."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            # As the server itself will: connections of an earlier one that linger are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            bound: int = probe.getsockname()[1]
            return bound
    raise OSError("no free port on 127.0.0.1")
