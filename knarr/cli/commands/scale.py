"""knarr scale: how many replicas."""

import click

from knarr.cli.choosing import Found, Wanted, chooses, find, named_with_scale
from knarr.cli.failure import FAILED, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.patching import patch_request
from knarr.cli.progress import Progress
from knarr.cli.readiness import readiness
from knarr.cli.waiting import wait_ready
from knarr.cli.writing import DRY_RUN, NO, Writing
from knarr.client import Client
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("scale", short_help="Set the number of replicas")
@chooses()
@click.option("--replicas", type=click.IntRange(min=0), required=True, help="How many pods.")
@click.option("--current-replicas", type=int, help="Only if there are this many now.")
@click.option("--wait", is_flag=True, help="Wait until they are ready.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long --wait waits.")
@DRY_RUN
def command(
    invocation: Invocation,
    wanted: Wanted,
    replicas: int,
    current_replicas: int | None,
    wait: bool,
    timeout: float,
    dry_run: str,
) -> None:
    """Set the number of replicas of deployments, replica sets, stateful sets and replication controllers.

    \b
      knarr scale deploy web --replicas=5 --wait
      knarr scale sts db --current-replicas=3 --replicas=5
    """
    writing = Writing("knarr-scale", dry_run)
    which = named_with_scale(wanted, invocation)

    async def work(client: Client) -> None:
        found = await find(client, wanted, which)
        if not found:
            click.echo("No resources found.", err=True)
        for each in found:
            answer = await client.send(await _request(client, each, replicas, current_replicas, writing))
            writing.tell(each.target, "scaled", answer)
        if wait and writing.dry_run == NO:
            with Progress() as progress:
                for each in found:
                    await wait_ready(client, each.namespace, each.target, readiness, progress, timeout)

    invocation.run(work)


async def _request(
    client: Client, found: Found, replicas: int, current: int | None, writing: Writing
) -> wire.PatchRequest:
    """The change of its scale; raises Failure when there are not as many as there should be now."""
    patch: dict[str, object] = {"spec": {"replicas": replicas}}
    if current is not None:
        scale = await client.get_scale(found.target.kind, found.namespace, found.target.name)
        if scale.spec.replicas != current:
            raise Failure(f"expected {current} replicas, {found.target} has {scale.spec.replicas}", FAILED)
        patch["metadata"] = {"resourceVersion": scale.metadata.resourceVersion}
    return patch_request(found.target, found.namespace, patch, writing, subresource="scale")
