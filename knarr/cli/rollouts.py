"""Deployments as rollout has them: with their revisions (history, undo), paused and resumed."""

from collections.abc import Mapping, Sequence
from typing import Any

from knarr.api.kinds import DEPLOYMENT
from knarr.api.selectors import from_message
from knarr.cli.choosing import Found, Wanted, named_or_selected
from knarr.cli.decisions.revisions import Revision, revisions_of
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation
from knarr.cli.patching import patch_each
from knarr.cli.resources import Target, parse_one
from knarr.cli.writing import Writing
from knarr.client import Client
from knarr.proto.kubernetes import apps_v1_pb2 as apps


def deployment_target(names: Sequence[str]) -> Target:
    """The one deployment that is named; raises Failure."""
    target = parse_one(names)
    if target.kind is not DEPLOYMENT:
        raise Failure(f"{target}: only deployments keep their revisions", USAGE)
    return target


async def with_revisions(client: Client, namespace: str, name: str) -> tuple[apps.Deployment, list[Revision]]:
    """The deployment and its revisions, oldest first; raises NotFound."""
    deployment = await client.get(apps.Deployment, namespace, name)
    labels = str(from_message(deployment.spec.selector))
    sets = await client.list(apps.ReplicaSet, namespace, labels=labels)
    return deployment, revisions_of(deployment, sets.items)


def set_paused(invocation: Invocation, wanted: Wanted, writing: Writing, *, paused: bool) -> None:
    """What pause and resume do; raises Failure for what is not a deployment."""
    which = named_or_selected(wanted, invocation)
    if any(each.target.kind is not DEPLOYMENT for each in which):
        raise Failure("only deployments can be paused and resumed", USAGE)

    def patch(found: Found) -> Mapping[str, Any]:
        return {"spec": {"paused": paused or None}}

    verb = "paused" if paused else "resumed"
    invocation.run(lambda client: patch_each(client, wanted, which, patch, writing, verb))
