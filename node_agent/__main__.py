"""The agent's program: `knarr agent` (run) and what `knarr down` calls (purge).

python -m node_agent run --connect HOST:PORT [--connect …] --node-name NAME --state-dir DIR
python -m node_agent purge --node-name NAME --state-dir DIR
python -m node_agent preflight: whether the engine can be used
"""

import node_agent.lean  # noqa: F401 (before whoever imports structlog)

# isort: split
import argparse
import asyncio
import gc
import os
import socket
import sys
from pathlib import Path

import structlog

from node_agent.errors import AgentError
from node_agent.runtime.errors import RuntimeFailure
from node_agent.settings import DOCKER_URL, MAX_PODS, PAUSE_IMAGE, RUNTIMES, AgentSettings


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="knarr agent", description="Run one node agent in the foreground.")
    made.add_argument("action", nargs="?", choices=("run", "purge", "preflight"), default="run")
    made.add_argument(
        "--connect", action="append", default=[], metavar="HOST:PORT", help="a server; repeatable"
    )
    made.add_argument("--node-name", default=socket.gethostname().lower(), help="default: this host's name")
    made.add_argument("--state-dir", type=Path, default=Path("/var/lib/knarr/agent"))
    made.add_argument("--runtime", choices=RUNTIMES, default="docker")
    made.add_argument("--docker-url", default=os.environ.get("DOCKER_HOST", DOCKER_URL))
    made.add_argument("--pause-image", default=os.environ.get("KNARR_PAUSE_IMAGE", PAUSE_IMAGE))
    made.add_argument("--label", action="append", default=[], metavar="KEY=VALUE", help="repeatable")
    made.add_argument("--address", help="the node's address; default: as the machine's routes say")
    made.add_argument("--cpu", metavar="QUANTITY", help="CPUs to offer; default: all")
    made.add_argument("--memory", metavar="QUANTITY", help="memory to offer; default: all")
    made.add_argument("--max-pods", type=int, default=MAX_PODS)
    return made


def settings(arguments: argparse.Namespace) -> AgentSettings:
    """The settings that the arguments say. Raises ValueError."""
    from knarr.api import quantity

    labels = {}
    for text in arguments.label:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ValueError(f"--label {text}: expected KEY=VALUE")
        labels[key] = value
    if arguments.action == "run" and not arguments.connect:
        raise ValueError("--connect HOST:PORT is missing: which control plane?")
    return AgentSettings(
        node_name=arguments.node_name,
        state_dir=arguments.state_dir,
        servers=tuple(arguments.connect),
        runtime=arguments.runtime,
        docker_url=arguments.docker_url,
        pause_image=arguments.pause_image,
        labels=labels,
        address=arguments.address,
        cpu_millis=quantity.cpu_millis(arguments.cpu) if arguments.cpu else None,
        memory_bytes=quantity.to_int(arguments.memory) if arguments.memory else None,
        pods=arguments.max_pods,
    )


def main() -> int:
    """0 done, 1 failed, 2 wrong usage."""
    arguments = parser().parse_args()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        return asyncio.run(_act(arguments.action, settings(arguments)))
    except ValueError as error:
        print(f"knarr agent: {error}", file=sys.stderr)
        return 2
    except (AgentError, RuntimeFailure, OSError) as error:
        print(f"knarr agent: {error}", file=sys.stderr)
        return 1


async def _act(action: str, wanted: AgentSettings) -> int:
    from node_agent import wiring

    # What was imported stays for ever: the collector need not look at it again and again.
    gc.freeze()
    if action == "purge":
        print(f"removed {await wiring.purge(wanted)} containers of node {wanted.node_name}")
    elif action == "preflight":
        await wiring.preflight(wanted)
    else:
        await wiring.run_agent(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
