"""ApiWriter: the Writer of the control plane's own parts, over the in-process API.

Their writes are not tracked in managedFields: nobody contends with the control plane over status and owner
references, and tracking costs more than the write itself.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.api import Api, WriteOptions
from control_plane.api.messages import encode, metadata, time_of
from control_plane.api.storage import Stored, api_error
from control_plane.objects.interface import Binding, DeleteOptions
from control_plane.store.interface import Outcome, Refused, Write, Written
from knarr.api.kinds import POD, Kind, of
from knarr.clock import Clock
from knarr.errors import ApiError, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core

M = TypeVar("M", bound=Message)

OPTIONS = WriteOptions(manager="knarr-control-plane", track=False)
BIND_ROUNDS = 4  # tries of a binding that meets other writes to its pod


class ApiWriter:
    """See control_plane.objects.interface.Writer."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def create(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.create(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def update(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.update(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def update_status(self, obj: M) -> M:
        kind = of(obj)
        return cast(M, (await self._api.update_status(kind, metadata(obj).namespace, obj, OPTIONS)).obj)

    async def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> None:
        await self._api.delete(kind, namespace, name, options)

    async def exists(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        try:
            return uid in ("", metadata(await self._api.get(kind, namespace, name)).uid)
        except NotFound:
            return False

    async def bind(self, bindings: Sequence[Binding]) -> Sequence[ApiError | None]:
        """In a few rounds: a pod whose status was written meanwhile is bound in the next one."""
        results: list[ApiError | None] = [None] * len(bindings)
        waiting = {index: self._cached(binding) for index, binding in enumerate(bindings)}
        for round_ in range(BIND_ROUNDS):
            writes: dict[int, Write] = {}
            for index, stored in waiting.items():
                refusal = _refusal(bindings[index], stored)
                if refusal is not None or stored is None:
                    results[index] = refusal
                else:
                    writes[index] = self._write(bindings[index], stored)
            waiting = await self._bind_round(writes, bindings, results)
            if not waiting:
                break
            await self._api.storage.pause(round_)
        for index in waiting:
            results[index] = refusals.conflict(POD, bindings[index].name)
        return results

    async def _bind_round(
        self, writes: Mapping[int, Write], bindings: Sequence[Binding], results: list[ApiError | None]
    ) -> dict[int, Stored | None]:
        """Write all at once; returns what is stored of those that met another write."""
        if not writes:
            return {}
        try:
            outcomes = await self._api.storage.write_all(list(writes.values()))
        except ApiError as error:
            for index in writes:
                results[index] = error
            return {}
        again: dict[int, Stored | None] = {}
        newest = 0
        for index, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, Written):
                newest = max(newest, outcome.version)
            elif isinstance(outcome, Refused):
                again[index] = _current(outcome)
            else:
                results[index] = api_error(outcome.error)
        if newest:
            await self._api.storage.wait_seen(POD, newest)
        return again

    def _cached(self, binding: Binding) -> Stored | None:
        return self._api.storage.cached(POD, binding.namespace, binding.name)

    def _write(self, binding: Binding, stored: Stored) -> Write:
        pod = stored.obj
        assert isinstance(pod, core.Pod)
        pod.spec.nodeName = binding.node_name
        condition = next((found for found in pod.status.conditions if found.type == "PodScheduled"), None)
        if condition is None:
            condition = pod.status.conditions.add(type="PodScheduled")
        condition.Clear()
        condition.type, condition.status = "PodScheduled", "True"
        condition.lastTransitionTime.CopyFrom(time_of(self._clock.now()))
        pod.status.nominatedNodeName = ""
        return Write(POD.key(binding.namespace, binding.name), encode(pod), stored.version)


def _current(outcome: Outcome) -> Stored | None:
    assert isinstance(outcome, Refused)
    if outcome.current is None:
        return None
    return Stored(core.Pod.FromString(outcome.current.value), outcome.current.version)


def _refusal(binding: Binding, stored: Stored | None) -> ApiError | None:
    """Why a pod cannot be bound, as it is stored."""
    if stored is None:
        return refusals.not_found(POD, binding.name)
    pod = stored.obj
    assert isinstance(pod, core.Pod)
    if pod.metadata.uid != binding.uid:
        return refusals.conflict(POD, binding.name, "another pod has this name since")
    if pod.metadata.HasField("deletionTimestamp"):
        return refusals.conflict(
            POD, binding.name, f"pod {binding.name} is being deleted, cannot be assigned to a host"
        )
    if pod.spec.nodeName:
        return refusals.conflict(
            POD, binding.name, f'pod {binding.name} is already assigned to node "{pod.spec.nodeName}"'
        )
    if pod.spec.schedulingGates:
        return refusals.conflict(POD, binding.name, f"pod {binding.name} has non-empty .spec.schedulingGates")
    return None
