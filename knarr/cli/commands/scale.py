"""knarr scale: how many replicas."""

import json
from collections.abc import Sequence

import click

from knarr.cli.failure import FAILED, USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.progress import Progress
from knarr.cli.readiness import readiness
from knarr.cli.resources import Target, parse
from knarr.cli.waiting import wait_ready
from knarr.client import Client
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.services import object_service_pb2 as wire


@knarr_command("scale", short_help="Set the number of replicas")
@click.argument("names", nargs=-1, metavar="KIND NAME… | KIND/NAME…")
@click.option("--replicas", type=click.IntRange(min=0), required=True, help="How many pods.")
@click.option("--current-replicas", type=int, help="Only if there are this many now.")
@click.option("--wait", is_flag=True, help="Wait until they are ready.")
@click.option("--timeout", type=DURATION, default="5m", show_default=True, help="How long --wait waits.")
def command(
    invocation: Invocation,
    names: Sequence[str],
    replicas: int,
    current_replicas: int | None,
    wait: bool,
    timeout: float,
) -> None:
    """Set the number of replicas of deployments or replica sets."""
    targets = parse(names)
    for target in targets:
        if "scale" not in target.kind.subresources or not target.name:
            raise Failure("name a deployment or a replica set: KIND NAME", USAGE)
    namespace = invocation.namespace_or_default()

    async def work(client: Client) -> None:
        for target in targets:
            await _scale(client, namespace, target, replicas, current_replicas)
            click.echo(f"{target} scaled")
        if wait:
            with Progress() as progress:
                for target in targets:
                    await wait_ready(client, namespace, target, readiness, progress, timeout)

    invocation.run(work)


async def _scale(client: Client, namespace: str, target: Target, replicas: int, current: int | None) -> None:
    patch: dict[str, object] = {"spec": {"replicas": replicas}}
    if current is not None:
        obj = await client.get(target.kind.message, namespace, target.name)
        assert isinstance(obj, apps.Deployment | apps.ReplicaSet)
        if obj.spec.replicas != current:
            raise Failure(f"expected {current} replicas, {target} has {obj.spec.replicas}", FAILED)
        patch["metadata"] = {"resourceVersion": obj.metadata.resourceVersion}
    body = json.dumps(patch).encode()
    await client.patch(target.kind.message, namespace, target.name, body, wire.PatchRequest.MERGE)
