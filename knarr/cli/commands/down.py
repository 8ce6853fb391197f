"""knarr down: stop the cluster on this machine."""

import shutil
import subprocess
from pathlib import Path

import click

from knarr.cli import config as configuration
from knarr.cli.commands.up import CONTEXT
from knarr.cli.failure import Failure
from knarr.cli.invocation import Invocation
from knarr.cli.local.cluster import Layout, LocalCluster
from knarr.cli.progress import Progress

PURGE_TIMEOUT_S = 120.0


@click.command("down", short_help="Stop the cluster on this machine")
@click.option("--purge", is_flag=True, help="Remove its data and context too.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="As given to `knarr up`.")
@click.pass_obj
def command(invocation: Invocation, purge: bool, state_dir: Path | None) -> None:
    """Stop the cluster on this machine. Its containers go; its objects stay in etcd's data for the next
    `knarr up`, unless --purge is given."""
    cluster = LocalCluster.under(state_dir or configuration.state_dir())
    layout = cluster.load()
    if layout is None:
        click.echo("There is no cluster on this machine.")
        return
    with Progress() as progress:
        for node in layout.nodes:
            progress.say(f"stopping {node}")
            cluster.agent(node).stop()
        for node in layout.nodes:
            progress.say(f"removing the containers of {node}")
            _purge_node(cluster, layout, node)
            progress.done(f"node: {node} stopped")
        progress.say("stopping the control plane")
        cluster.server().stop()
        _stop_store(cluster, layout)
        progress.done("control plane: stopped")
    if purge:
        shutil.rmtree(cluster.root)
        path = invocation.config_path
        config = configuration.load(path)
        if CONTEXT in config.contexts:
            configuration.save(config.without_context(CONTEXT), path)
    click.echo("Cluster removed." if purge else "Cluster stopped; its objects are kept.")


def _purge_node(cluster: LocalCluster, layout: Layout, node: str) -> None:
    _run(cluster.purge_arguments(layout, node), f"the containers of {node} could not be removed")


def _stop_store(cluster: LocalCluster, layout: Layout) -> None:
    """A server that was killed leaves its etcd running, for the next one to adopt; there is none."""
    _run(cluster.server_arguments(layout, ["--stop-store"]), "etcd could not be stopped")


def _run(arguments: list[str], complaint: str) -> None:
    try:
        result = subprocess.run(
            arguments, capture_output=True, text=True, timeout=PURGE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{complaint} within {PURGE_TIMEOUT_S:g} s") from error
    if result.returncode != 0:
        raise Failure(f"{complaint}:\n{result.stderr.strip()}")
