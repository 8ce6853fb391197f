"""ApiWriter: the Writer of the control plane's own parts, over the in-process API.

Their writes are not tracked in managedFields: nobody contends with the control plane over status and owner
references, and tracking costs more than the write itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.api import Api, NewObject, WriteOptions
from control_plane.api.messages import decode, encode, metadata
from control_plane.api.records import Stored, api_error
from control_plane.api.registry import row
from control_plane.objects.interface import Binding, DeleteOptions, Propagation
from control_plane.store.interface import Refused, Write, Written
from knarr.api.conditions import condition_of
from knarr.api.kinds import POD, Kind, of
from knarr.api.timestamps import timestamp
from knarr.clock import Clock
from knarr.errors import ApiError, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)

OPTIONS = WriteOptions(manager="knarr-control-plane", track=False)
BIND_ROUNDS = 4  # tries of a binding that meets other writes to its pod
SCHEDULED = "PodScheduled"


class ApiWriter:
    """See control_plane.objects.interface.Writer."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def create(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.create(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def create_all(self, objs: Sequence[Message]) -> Sequence[Message | ApiError]:
        items = [NewObject(of(obj), metadata(obj).namespace, obj, OPTIONS) for obj in objs]
        results = await self._api.create_all(items)
        return [result if isinstance(result, ApiError) else result.obj for result in results]

    async def update(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.update(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def update_status(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.update_status(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> None:
        if options.propagation is None and row(kind).orphans:
            options = replace(options, propagation=Propagation.BACKGROUND)
        await self._api.delete(kind, namespace, name, options, announce=False)

    async def exists(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        try:
            return uid in ("", metadata(await self._api.get(kind, namespace, name)).uid)
        except NotFound:
            return False

    async def bind(self, bindings: Sequence[Binding], *, dry_run: bool = False) -> Sequence[ApiError | None]:
        """In a few rounds: a pod whose status was written meanwhile is bound in the next one. Bound pods are
        not validated again: nothing but their node and a condition changes."""
        results: list[ApiError | None] = [None] * len(bindings)
        waiting = {index: self._cached(binding) for index, binding in enumerate(bindings)}
        now = timestamp(self._clock.now())
        newest = 0
        for round_ in range(BIND_ROUNDS):
            writes: dict[int, Write] = {}
            for index, stored in waiting.items():
                planned = await self._planned(bindings[index], stored, now)
                if isinstance(planned, Write):
                    writes[index] = planned
                else:
                    results[index] = planned
            if dry_run:
                return results
            waiting, written = await self._bind_round(writes, results)
            newest = max(newest, written)
            if not waiting:
                break
            await self._api.storage.pause(round_)
        for index in waiting:
            results[index] = refusals.conflict(POD, bindings[index].name, subresource="binding")
        if newest:
            # Changes of one kind are seen in order, so with the newest all are.
            await self._api.storage.wait_seen(POD, newest)
        return results

    async def _planned(self, binding: Binding, stored: Stored | None, now: meta.Time) -> Write | ApiError:
        """What binds the pod, or why it cannot be bound, which never rests on the cache alone."""
        error = refusal(binding, stored)
        if error is not None and (stored is None or not stored.fresh):
            try:
                stored = await self._api.storage.newest(POD, binding.namespace, binding.name)
            except ApiError as failure:
                return failure
            error = refusal(binding, stored)
        if error is not None:
            return error
        assert stored is not None
        return bound(binding, stored, now)

    async def _bind_round(
        self, writes: Mapping[int, Write], results: list[ApiError | None]
    ) -> tuple[dict[int, Stored | None], int]:
        """Write all at once; what is stored of those that met another write, and the newest version."""
        if not writes:
            return {}, 0
        outcomes = await self._api.storage.write_all(list(writes.values()))
        again: dict[int, Stored | None] = {}
        newest = 0
        for index, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Written):
                newest = max(newest, outcome.version)
            elif isinstance(outcome, Refused):
                again[index] = _current(outcome)
            else:
                results[index] = api_error(outcome.error)
        return again, newest

    def _cached(self, binding: Binding) -> Stored | None:
        return self._api.storage.cached(POD, binding.namespace, binding.name)


def bound(binding: Binding, stored: Stored, now: meta.Time) -> Write:
    """What stores the pod with its node. `stored.obj` is altered."""
    pod = stored.obj
    assert isinstance(pod, core.Pod)
    pod.spec.nodeName = binding.node_name
    pod.metadata.annotations.update(binding.annotations)
    for key, value in binding.labels:
        if key not in pod.metadata.labels:
            pod.metadata.labels[key] = value
    condition = condition_of(pod.status.conditions, SCHEDULED)
    if condition is None:
        condition = pod.status.conditions.add(type=SCHEDULED)
    condition.Clear()
    condition.type, condition.status = SCHEDULED, "True"
    condition.lastTransitionTime.CopyFrom(now)
    pod.status.nominatedNodeName = ""
    return Write(POD.key(binding.namespace, binding.name), encode(pod), stored.version)


def refusal(binding: Binding, stored: Stored | None) -> ApiError | None:
    """Why a pod cannot be bound, as it is stored; None when it can."""
    if stored is None:
        return refusals.not_found(POD, binding.name)
    pod = stored.obj
    assert isinstance(pod, core.Pod)
    why = ""
    if binding.uid not in ("", pod.metadata.uid):
        why = refusals.failed("UID", binding.uid, pod.metadata.uid)
    elif binding.resource_version not in ("", str(stored.version)):
        why = refusals.failed("ResourceVersion", binding.resource_version, str(stored.version))
    elif pod.metadata.HasField("deletionTimestamp"):
        why = f"pod {binding.name} is being deleted, cannot be assigned to a host"
    elif pod.spec.nodeName:
        why = f'pod {binding.name} is already assigned to node "{pod.spec.nodeName}"'
    elif pod.spec.schedulingGates:
        why = f"pod {binding.name} has non-empty .spec.schedulingGates"
    return refusals.conflict(POD, binding.name, why, subresource="binding") if why else None


def _current(outcome: Refused) -> Stored | None:
    record = outcome.current
    return Stored(decode(POD, record.value, record.version), record.version, True) if record else None
