"""knarr logs: what containers print; several pods at once are prefixed and interleaved."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence

import click

from knarr.api.kinds import POD
from knarr.api.selectors import from_message
from knarr.cli.failure import USAGE, Failure
from knarr.cli.invocation import Invocation, knarr_command
from knarr.cli.options import DURATION
from knarr.cli.resources import Target, parse_one
from knarr.client import Client
from knarr.errors import BadRequest
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import pod_service_pb2 as wire

MAX_STREAMS = 50  # containers followed at once
DEFAULT_TAIL = 10  # lines of each when several are shown


@knarr_command("logs", short_help="Print what containers print")
@click.argument("names", nargs=-1, metavar="POD [CONTAINER] | KIND/NAME")
@click.option("--follow", "-f", is_flag=True, help="Go on printing.")
@click.option("--container", "-c", default="", help="Which container.")
@click.option("--all-containers", is_flag=True, help="All containers of the pods.")
@click.option("--previous", "-p", is_flag=True, help="The run before the present one.")
@click.option("--since", type=DURATION, help="Only what is newer than this: 5m")
@click.option("--tail", type=int, default=None, help="Only the last lines; -1: all.")
@click.option("--timestamps", is_flag=True, help="With the time of each line.")
@click.option("--limit-bytes", type=int, help="At most this much.")
@click.option("--selector", "-l", default="", metavar="SELECTOR", help="Of all pods with these labels.")
@click.option("--prefix", is_flag=True, help="Begin each line with pod and container.")
def command(
    invocation: Invocation,
    names: Sequence[str],
    follow: bool,
    container: str,
    all_containers: bool,
    previous: bool,
    since: float | None,
    tail: int | None,
    timestamps: bool,
    limit_bytes: int | None,
    selector: str,
    prefix: bool,
) -> None:
    """Print what containers print: of a pod, of all pods of a deployment, or of all with a label."""
    namespace = invocation.namespace_or_default()
    if bool(names) == bool(selector):
        raise Failure("name a pod, a KIND/NAME, or give -l SELECTOR", USAGE)
    base = wire.LogsRequest(
        namespace=namespace, container=container, follow=follow, previous=previous, timestamps=timestamps
    )
    if since is not None:
        base.since_seconds = max(1, int(since))
    if limit_bytes is not None:
        base.limit_bytes = limit_bytes

    async def work(client: Client) -> None:
        pods = await _pods(client, namespace, names, selector)
        requests = _requests(base, pods, names, all_containers)
        several = len(requests) > 1
        lines = tail if tail is not None else (DEFAULT_TAIL if selector else -1)
        for request in requests:
            if lines >= 0:
                request.tail_lines = lines
        if len(requests) > MAX_STREAMS:
            raise Failure(f"{len(requests)} containers match, at most {MAX_STREAMS} are shown at once", USAGE)
        await _print_all(client, requests, with_prefix=prefix or several)

    invocation.run(work)


async def _pods(client: Client, namespace: str, names: Sequence[str], selector: str) -> list[core.Pod]:
    if selector:
        pods = (await client.list(core.Pod, namespace, labels=selector)).items
        if not pods:
            raise Failure(f"No resources found in {namespace} namespace.")
        return pods
    target = parse_one([names[0]]) if "/" in names[0] else Target(POD, names[0])
    if target.kind is POD:
        return [await client.get(core.Pod, namespace, target.name)]
    if target.kind.message not in (apps.Deployment, apps.ReplicaSet):
        raise Failure(f"{target} has no pods", USAGE)
    owner = await client.get(target.kind.message, namespace, target.name)
    assert isinstance(owner, apps.Deployment | apps.ReplicaSet)
    labels = str(from_message(owner.spec.selector))
    pods = (await client.list(core.Pod, namespace, labels=labels)).items
    if not pods:
        raise Failure(f"{target} has no pods yet; `knarr describe {target}` says why")
    return pods


def _requests(
    base: wire.LogsRequest, pods: Sequence[core.Pod], names: Sequence[str], all_containers: bool
) -> list[wire.LogsRequest]:
    requests: list[wire.LogsRequest] = []
    for pod in pods:
        containers = [base.container or (names[1] if len(names) > 1 else "")]
        if all_containers:
            containers = [found.name for found in (*pod.spec.initContainers, *pod.spec.containers)]
        for container in containers:
            request = wire.LogsRequest()
            request.CopyFrom(base)
            request.name, request.container = pod.metadata.name, container
            requests.append(request)
    return requests


async def _print_all(client: Client, requests: Sequence[wire.LogsRequest], *, with_prefix: bool) -> None:
    if len(requests) == 1:
        await _print(client, requests[0], with_prefix=with_prefix)
        return
    async with asyncio.TaskGroup() as tasks:
        for request in requests:
            tasks.create_task(_print_or_warn(client, request), name=f"logs-{request.name}")


async def _print_or_warn(client: Client, request: wire.LogsRequest) -> None:
    """One of several: a pod that has no log yet must not end the others."""
    try:
        await _print(client, request, with_prefix=True)
    except BadRequest as error:
        click.echo(f"{request.name}: {error.message}", err=True)


async def _print(client: Client, request: wire.LogsRequest, *, with_prefix: bool) -> None:
    out = sys.stdout.buffer
    if not with_prefix:
        async for data in client.logs(request):
            out.write(data)
            out.flush()
        return
    label = f"[{request.name}/{request.container}] " if request.container else f"[{request.name}] "
    async for line in _lines(client.logs(request)):
        out.write(label.encode() + line + b"\n")
        out.flush()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
