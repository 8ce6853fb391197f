"""Waiting for objects to become ready, with live progress and a true reason when they do not."""

import asyncio
from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from knarr.api.selectors import from_message
from knarr.cli.failure import FAILED, TIMED_OUT, Failure
from knarr.cli.progress import Progress
from knarr.cli.readiness import Readiness, Verdict, pod_trouble
from knarr.cli.resources import Target
from knarr.client import Client, metadata_of
from knarr.errors import NotFound
from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import core_v1_pb2 as core

TROUBLE_EVERY_S = 2.0
SELECTING = (apps.Deployment, apps.ReplicaSet, apps.StatefulSet, apps.DaemonSet, batch.Job)

Judge = Callable[[Message], Readiness]


async def wait_ready(
    client: Client, namespace: str, target: Target, judge: Judge, progress: Progress, timeout_s: float
) -> str:
    """Return the sentence of success; raises Failure, with exit code 3 when `timeout_s` has passed."""
    last = Readiness(Verdict.WAITING, "")
    trouble: list[str] = []

    def check(obj: Message | None) -> bool:
        nonlocal last
        if obj is None:
            raise NotFound(f"{target} does not exist, or was deleted")
        last = judge(obj)
        if last.verdict is Verdict.WAITING:
            progress.say(" ".join([last.message, *trouble[:1]]))
        return last.verdict is not Verdict.WAITING

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
            await client.wait_for(target.kind.message, namespace, target.name, check)
    except TimeoutError as error:
        reasons = trouble or pod_trouble(await _pods(client, namespace, target))
        lines = [f"timed out after {timeout_s:g} s waiting for {target}: {last.message}", *reasons]
        raise Failure("\n".join(lines), TIMED_OUT) from error
    finally:
        looking.cancel()
    if last.verdict is Verdict.FAILED:
        reasons = pod_trouble(await _pods(client, namespace, target))
        raise Failure("\n".join([last.message, *reasons]), FAILED)
    return last.message


async def wait_gone(client: Client, namespace: str, target: Target, timeout_s: float, uid: str = "") -> None:
    """Return once the object no longer exists, or another with another `uid` does; raises Failure with exit
    code 3."""

    def is_gone(obj: Message | None) -> bool:
        return obj is None or bool(uid and metadata_of(obj).uid != uid)

    try:
        async with asyncio.timeout(timeout_s):
            await client.wait_for(target.kind.message, namespace, target.name, is_gone)
    except TimeoutError as error:
        raise Failure(
            f"timed out after {timeout_s:g} s waiting for {target} to be gone", TIMED_OUT
        ) from error


async def _pods(client: Client, namespace: str, target: Target) -> Sequence[core.Pod]:
    """The pods that belong to the target, as far as its selector says."""
    if target.kind.message not in SELECTING:
        return []
    try:
        owner = await client.get(target.kind.message, namespace, target.name)
    except NotFound:
        return []
    assert isinstance(owner, SELECTING)
    selector = from_message(owner.spec.selector)
    if selector.everything or selector.nothing:
        return []
    return (await client.list(core.Pod, namespace, labels=str(selector))).items
