"""knarr drain: a node without pods, for its maintenance."""

import random

import click

from knarr.cli.decisions.draining import Permissions, Verdicts, judge
from knarr.cli.draining import Drainer, Eviction
from knarr.cli.failure import FAILED, Failure
from knarr.cli.invocation import Invocation, knarr_command, warn
from knarr.cli.nodes import Choice, chooses_nodes, chosen, set_unschedulable
from knarr.cli.options import DURATION
from knarr.cli.writing import DRY_RUN, SUFFIX, Writing
from knarr.client import Client
from knarr.clock import SystemClock
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core

WEEK_S = 7 * 86_400.0


@knarr_command("drain", short_help="Take all pods off nodes")
@chooses_nodes
@click.option("--pod-selector", default="", metavar="SELECTOR", help="Only pods with these labels.")
@click.option("--ignore-daemonsets", is_flag=True, help="Leave the pods of DaemonSets where they are.")
@click.option("--delete-emptydir-data", is_flag=True, help="Lose what is in emptyDir volumes.")
@click.option("--force", is_flag=True, help="Delete pods without a controller, too.")
@click.option("--grace-period", type=int, default=-1, help="Seconds that pods get; negative: their own.")
@click.option("--disable-eviction", is_flag=True, help="Delete, whatever disruption budgets say.")
@click.option(
    "--timeout", type=DURATION, default="10m", show_default=True, help="How long for each node; 0: a week."
)
@click.option(
    "--skip-wait-for-delete-timeout",
    type=DURATION,
    metavar="DURATION",
    help="Pass over pods that have been ending for longer.",
)
@DRY_RUN
def command(
    invocation: Invocation,
    choice: Choice,
    pod_selector: str,
    ignore_daemonsets: bool,
    delete_emptydir_data: bool,
    force: bool,
    grace_period: int,
    disable_eviction: bool,
    timeout: float,
    skip_wait_for_delete_timeout: float | None,
    dry_run: str,
) -> None:
    """Keep new pods off nodes and evict those that are there, in keeping with their disruption budgets.
    Nothing is evicted when a pod of the node would be lost for good, unless that is said to be meant.

    \b
      knarr drain node-1 --ignore-daemonsets
      knarr drain -l rack=a --ignore-daemonsets --delete-emptydir-data --timeout=5m
      knarr drain node-1 --dry-run
    """
    permitted = Permissions(ignore_daemonsets, delete_emptydir_data, force, skip_wait_for_delete_timeout)
    grace_s = grace_period if grace_period >= 0 else None
    eviction = Eviction(grace_s, timeout or WEEK_S, disable_eviction, dry_run)
    writing = Writing("knarr-drain", dry_run)

    async def work(client: Client) -> None:
        found = await chosen(client, choice)
        await set_unschedulable(client, found, writing, unschedulable=True)
        for node in found:
            await _drain(client, node.metadata.name, pod_selector, permitted, eviction)

    invocation.run(work)


async def _drain(
    client: Client, node: str, pod_selector: str, permitted: Permissions, eviction: Eviction
) -> None:
    pods = await client.list(core.Pod, fields=f"spec.nodeName={node}", labels=pod_selector)
    verdicts = judge(pods.items, await _daemon_sets(client), permitted, SystemClock().now())
    _tell(node, verdicts)
    await Drainer(client, eviction, random.Random()).drain(verdicts.leave)
    click.echo(f"node/{node} drained{SUFFIX[eviction.dry_run]}")


async def _daemon_sets(client: Client) -> set[tuple[str, str]]:
    listed = await client.list(apps.DaemonSet)
    return {(each.metadata.namespace, each.metadata.name) for each in listed.items}


def _tell(node: str, verdicts: Verdicts) -> None:
    """Say what stays and what is lost; raises Failure when the drain may not begin."""
    if verdicts.refusals:
        lines = [
            f"node/{node} cannot be drained; it is cordoned, and nothing was evicted",
            *verdicts.refusals,
        ]
        raise Failure("\n".join(lines), FAILED)
    for text in verdicts.warnings:
        warn(text)
