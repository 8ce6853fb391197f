"""Takes pods off a node: evicts them, as often as their disruption budgets make it necessary, and waits for
the end of each."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

import click

from knarr.api.kinds import POD
from knarr.backoff import Backoff
from knarr.cli.decisions.deletion import delete_options
from knarr.cli.failure import TIMED_OUT, Failure
from knarr.cli.invocation import warn
from knarr.cli.resources import Target
from knarr.cli.waiting import wait_gone
from knarr.cli.writing import NO, SUFFIX
from knarr.client import Client, reference
from knarr.errors import ApiError, NotFound, Timeout, TooManyRequests, Unavailable
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.services import object_service_pb2 as wire

AT_ONCE = 32  # evictions under way
ONE_TRY_S = 2.0
FIRST_PAUSE_S = 1.0
MOST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Eviction:
    """How pods are taken away."""

    grace_s: int | None
    timeout_s: float
    disable_eviction: bool  # delete, whatever the budgets say
    dry_run: str


class Drainer:
    """Takes the pods of one node away."""

    def __init__(self, client: Client, eviction: Eviction, rng: random.Random) -> None:
        self._client = client
        self._eviction = eviction
        self._rng = rng
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._left: dict[str, str] = {}  # pod: why it is still there

    async def drain(self, pods: Sequence[core.Pod]) -> None:
        """Return when all are gone; raises Failure, with exit code 3 and what is left, when time is up."""
        self._left = {_name(pod): "not evicted yet" for pod in pods}
        try:
            async with asyncio.timeout(self._eviction.timeout_s), asyncio.TaskGroup() as group:
                for pod in pods:
                    group.create_task(self._remove(pod), name=f"evict-{_name(pod)}")
        except TimeoutError as error:
            lines = [f"timed out after {self._eviction.timeout_s:g} s; still there:"]
            lines += [f"  pod {name}: {why}" for name, why in sorted(self._left.items())]
            raise Failure("\n".join(lines), TIMED_OUT) from error

    async def _remove(self, pod: core.Pod) -> None:
        metadata = pod.metadata
        target = Target(POD, metadata.name)
        verb = "deleted" if self._eviction.disable_eviction else "evicted"
        await self._ask(pod)
        if self._eviction.dry_run == NO:
            self._left[_name(pod)] = f"{verb}, and has not ended"
            # Its controller may make another of the same name.
            await wait_gone(self._client, metadata.namespace, target, self._eviction.timeout_s, metadata.uid)
        del self._left[_name(pod)]
        click.echo(f"{target} {verb}{SUFFIX[self._eviction.dry_run]}")

    async def _ask(self, pod: core.Pod) -> None:
        """Have the pod's end begin, as soon as its budget allows it."""
        backoff = Backoff(self._rng, FIRST_PAUSE_S, MOST_PAUSE_S)
        request = self._request(pod)
        while True:
            try:
                async with self._at_once:
                    await self._client.send(request, timeout_s=ONE_TRY_S)
                return
            except NotFound:
                return
            except (TooManyRequests, Unavailable, Timeout) as error:
                self._tell(pod, _why(error))  # the uid makes that it is not done to another pod
            await asyncio.sleep(backoff.next_s())

    def _tell(self, pod: core.Pod, why: str) -> None:
        if self._left[_name(pod)] != why:
            self._left[_name(pod)] = why
            warn(f"pod {_name(pod)} may not be evicted yet: {why}")

    def _request(self, pod: core.Pod) -> wire.CreateRequest | wire.DeleteRequest:
        metadata = pod.metadata
        where = reference(POD, metadata.namespace, metadata.name)
        dry_run = self._eviction.dry_run != NO
        if self._eviction.disable_eviction:
            options = delete_options(
                grace_period=self._eviction.grace_s,
                now=False,
                force=False,
                cascade="background",
                uid=metadata.uid,
            )
            return wire.DeleteRequest(reference=where, options=options, dry_run=dry_run)
        how: dict[str, object] = {"preconditions": {"uid": metadata.uid}}
        if self._eviction.grace_s is not None:
            how["gracePeriodSeconds"] = self._eviction.grace_s
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": metadata.name, "namespace": metadata.namespace},
            "deleteOptions": how,
        }
        return wire.CreateRequest(
            reference=where,
            body=wire.Body(json=json.dumps(body).encode()),
            options=wire.WriteOptions(dry_run=dry_run, field_manager="knarr-drain"),
            subresource="eviction",
        )


def _why(error: ApiError) -> str:
    return error.causes[0].message if error.causes else error.message


def _name(pod: core.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
