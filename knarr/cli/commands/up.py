"""knarr up: a cluster on this machine."""

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from knarr.cli import config as configuration
from knarr.cli.failure import FAILED, TIMED_OUT, USAGE, Failure
from knarr.cli.invocation import Invocation, run_async
from knarr.cli.local.cluster import Layout, LocalCluster, planned
from knarr.cli.local.processes import Process
from knarr.cli.options import DURATION
from knarr.cli.progress import Progress
from knarr.client import Client
from knarr.errors import ApiError, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core

CONTEXT = "local"
POLL_S = 0.1
PREFLIGHT_TIMEOUT_S = 30.0


@click.command("up", short_help="Start a cluster on this machine")
@click.option("--nodes", type=click.IntRange(1, 50), help="How many nodes; 2 at first, then as it was.")
@click.option("--runtime", type=click.Choice(["docker", "fake"]), help="What runs containers.")
@click.option(
    "--scheduler-config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A KubeSchedulerConfiguration: profiles, plugins and their weights.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where data, logs and pids are kept.")
@click.option("--timeout", type=DURATION, default="60s", show_default=True, help="For each step.")
@click.pass_obj
def command(
    invocation: Invocation,
    nodes: int | None,
    runtime: str | None,
    scheduler_config: Path | None,
    state_dir: Path | None,
    timeout: float,
) -> None:
    """Start a cluster on this machine: etcd, a control plane and agents. Run again, it starts what is
    missing and adds nodes; what runs is left alone."""
    cluster = LocalCluster.under(state_dir or configuration.state_dir())
    existing = cluster.load()
    if existing is not None and runtime not in (None, existing.runtime):
        raise Failure(f"this cluster runs on {existing.runtime}; `knarr down --purge` removes it", USAGE)
    layout = planned(existing, nodes, runtime, scheduler_config)
    if scheduler_config is not None and cluster.server().pid() is not None:
        raise Failure(
            "the control plane runs already, with the profiles that it was started with; "
            "`knarr down`, then `knarr up` with the file starts it with others",
            USAGE,
        )
    if existing is not None and len(layout.nodes) < len(existing.nodes):
        raise Failure(
            f"the cluster has {len(existing.nodes)} nodes; nodes are not removed by `up`. "
            "`knarr down --purge`, then `knarr up` makes a smaller one",
            USAGE,
        )
    with Progress() as progress:
        _preflight(layout, cluster)
        cluster.save(layout)
        _start_server(cluster, layout, progress, timeout)
        _write_context(invocation, layout)
        for node in layout.nodes:
            agent = cluster.agent(node)
            if agent.pid() is None:
                agent.start(cluster.agent_arguments(layout, node))
        run_async(_nodes_ready(cluster, layout, progress, timeout))
    nodes_ready = "1 node" if len(layout.nodes) == 1 else f"{len(layout.nodes)} nodes"
    click.echo(f'Cluster ready: {nodes_ready}, context "{CONTEXT}". Try: knarr get nodes')


def _preflight(layout: Layout, cluster: LocalCluster) -> None:
    """Ask the agent program whether the engine can be used, before anything is started."""
    arguments = cluster.agent_arguments(layout, layout.nodes[0])
    arguments[arguments.index("run")] = "preflight"
    connect = arguments.index("--connect")
    del arguments[connect : connect + 2]
    try:
        result = subprocess.run(
            arguments, capture_output=True, text=True, timeout=PREFLIGHT_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(
            f"the {layout.runtime} engine did not answer within {PREFLIGHT_TIMEOUT_S:g} s"
        ) from error
    if result.returncode != 0:
        raise Failure(result.stderr.strip() or f"the {layout.runtime} engine cannot be used", FAILED)


def _start_server(cluster: LocalCluster, layout: Layout, progress: Progress, timeout_s: float) -> None:
    server = cluster.server()
    if server.pid() is None:
        progress.say("starting the control plane")
        server.start(cluster.server_arguments(layout))
    run_async(_server_answers(server, layout, timeout_s))
    progress.done(f"control plane: {layout.address}")


async def _server_answers(server: Process, layout: Layout, timeout_s: float) -> None:
    async def answers() -> bool:
        async with await Client.dial([layout.address], timeout_s=2.0) as client:
            await client.get(core.Namespace, "", "default")
        return True

    await _until(answers, server, timeout_s, "the control plane does not answer")


async def _nodes_ready(cluster: LocalCluster, layout: Layout, progress: Progress, timeout_s: float) -> None:
    async with await Client.dial([layout.address]) as client:
        for node in layout.nodes:

            async def ready(name: str = node) -> bool:
                found = await client.get(core.Node, "", name)
                return any(
                    condition.type == "Ready" and condition.status == "True"
                    for condition in found.status.conditions
                )

            progress.say(f"waiting for {node}")
            await _until(ready, cluster.agent(node), timeout_s, f"{node} is not ready")
            progress.done(f"node: {node} ({layout.runtime})")


async def _until(
    check: Callable[[], Coroutine[Any, Any, bool]], process: Process, timeout_s: float, complaint: str
) -> None:
    """Wait for a check while a process lives; raises Failure with the end of its log."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    if await check():
                        return
                except Unavailable:
                    pass
                except ApiError as error:
                    complaint = f"{complaint.partition(':')[0]}: {error.message}"
                if process.pid() is None:
                    raise Failure(f"{process.name} ended:\n{process.log_tail()}\nlog: {process.log_file}")
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise Failure(
            f"{complaint} after {timeout_s:g} s:\n{process.log_tail()}\nlog: {process.log_file}", TIMED_OUT
        ) from error


def _write_context(invocation: Invocation, layout: Layout) -> None:
    path = invocation.config_path
    config = configuration.load(path)
    known = config.contexts.get(CONTEXT)
    namespace = known.namespace if known is not None else configuration.DEFAULT_NAMESPACE
    wanted = configuration.Context((layout.address,), namespace)
    if known != wanted or config.current != CONTEXT:
        configuration.save(config.with_context(CONTEXT, wanted), path)
