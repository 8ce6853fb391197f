"""Waiting for objects to become ready, with live progress and a true reason when they do not."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from google.protobuf.message import Message

from knarr.api.selectors import from_message
from knarr.cli.failure import FAILED, TIMED_OUT, Failure
from knarr.cli.progress import Progress
from knarr.cli.readiness import Readiness, Verdict, pod_trouble
from knarr.cli.resources import Target
from knarr.client import Client
from knarr.client.client import metadata_of, reference
from knarr.errors import Expired, NotFound, Unavailable
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire

TROUBLE_EVERY_S = 2.0
RETRY_S = 0.5

Judge = Callable[[Message], Readiness]


async def wait_ready(
    client: Client, namespace: str, target: Target, judge: Judge, progress: Progress, timeout_s: float
) -> str:
    """Return the sentence of success; raises Failure, with exit code 3 when `timeout_s` has passed."""
    last = Readiness(Verdict.WAITING, "")
    trouble: list[str] = []

    async def follow() -> Readiness:
        nonlocal last
        while True:
            try:
                async for obj in versions(client, namespace, target):
                    last = judge(obj)
                    progress.say(last.message)
                    if last.verdict is not Verdict.WAITING:
                        return last
            except (Expired, Unavailable):
                await asyncio.sleep(RETRY_S)

    async def look_for_trouble() -> None:
        nonlocal trouble
        while True:
            await asyncio.sleep(TROUBLE_EVERY_S)
            trouble = pod_trouble(await _pods(client, namespace, target))
            if trouble:
                progress.say(f"{last.message} {trouble[0]}")

    looking = asyncio.create_task(look_for_trouble(), name="look-for-trouble")
    try:
        async with asyncio.timeout(timeout_s):
            result = await follow()
    except TimeoutError as error:
        reasons = trouble or pod_trouble(await _pods(client, namespace, target))
        lines = [f"timed out after {timeout_s:g} s waiting for {target}: {last.message}", *reasons]
        raise Failure("\n".join(lines), TIMED_OUT) from error
    finally:
        looking.cancel()
    if result.verdict is Verdict.FAILED:
        reasons = pod_trouble(await _pods(client, namespace, target))
        raise Failure("\n".join([result.message, *reasons]), FAILED)
    return result.message


async def wait_gone(client: Client, namespace: str, target: Target, timeout_s: float, uid: str = "") -> None:
    """Return once the object no longer exists, or another with another `uid` does; raises Failure with exit
    code 3."""
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    async for obj in versions(client, namespace, target):
                        if uid and metadata_of(obj).uid != uid:
                            return
                except NotFound:
                    return
                except (Expired, Unavailable):
                    await asyncio.sleep(RETRY_S)
    except TimeoutError as error:
        raise Failure(
            f"timed out after {timeout_s:g} s waiting for {target} to be gone", TIMED_OUT
        ) from error


async def versions(client: Client, namespace: str, target: Target) -> AsyncIterator[Message]:
    """The object now and after each change; raises NotFound when it is gone."""
    message = target.kind.message
    fields = f"metadata.name={target.name}"
    listed = await client.list(message, namespace, fields=fields)
    if not listed.items:
        raise NotFound(f"{target} does not exist")
    yield listed.items[0]
    request = wire.WatchRequest(
        reference=reference(target.kind, namespace),
        field_selector=fields,
        resource_version=listed.resource_version,
    )
    async for event in client.watch_events(request):
        if event.type == wire.WatchEvent.DELETED:
            raise NotFound(f"{target} was deleted")
        yield message.FromString(event.object)


async def _pods(client: Client, namespace: str, target: Target) -> Sequence[core.Pod]:
    """The pods that belong to the target, as far as its selector says."""
    message = target.kind.message
    if message not in (apps.Deployment, apps.ReplicaSet):
        return []
    try:
        owner = await client.get(message, namespace, target.name)
    except NotFound:
        return []
    assert isinstance(owner, apps.Deployment | apps.ReplicaSet)
    selector = str(from_message(owner.spec.selector))
    return (await client.list(core.Pod, namespace, labels=selector)).items
