"""Deployments with their revisions, as history and undo read them."""

from collections.abc import Sequence

from knarr.api.selectors import from_message
from knarr.cli.decisions.revisions import Revision, revisions_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.resources import Target, parse_one
from knarr.client import Client
from knarr.proto.kubernetes import apps_v1_pb2 as apps


def deployment_target(names: Sequence[str]) -> Target:
    """The one deployment that is named; raises Failure."""
    target = parse_one(names)
    if target.kind.message is not apps.Deployment:
        raise Failure(f"{target}: only deployments keep their revisions", USAGE)
    return target


async def with_revisions(client: Client, namespace: str, name: str) -> tuple[apps.Deployment, list[Revision]]:
    """The deployment and its revisions, oldest first; raises NotFound."""
    deployment = await client.get(apps.Deployment, namespace, name)
    labels = str(from_message(deployment.spec.selector))
    sets = await client.list(apps.ReplicaSet, namespace, labels=labels)
    return deployment, revisions_of(deployment, sets.items)
