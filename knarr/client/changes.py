"""Changes made from what is there: the read-modify-write that most need, and subresources."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from knarr.api.kinds import POD, Kind
from knarr.backoff import Backoff
from knarr.client import bodies
from knarr.client.errors import Ambiguous
from knarr.client.references import kind_of, reference
from knarr.client.writes import Writes
from knarr.errors import Conflict
from knarr.proto.kubernetes import autoscaling_v1_pb2 as autoscaling
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)

CONFLICT_FIRST_S = 0.01
CONFLICT_MOST_S = 0.5


class Changes(Writes):
    """Changes that are made from what is there."""

    async def change(
        self, kind: type[M], namespace: str, name: str, fn: Callable[[M], object], *, status: bool = False
    ) -> M:
        """Read an object, let `fn` change it in place, write it; from the beginning when somebody else wrote
        meanwhile. Nothing is written when `fn` changed nothing. With `status` the status is written, else the
        rest.

        `fn` may be called several times, each time with the object as it is then; what it raises ends the
        change. When the answer to a write is lost, `fn` is asked once more: if it finds nothing left to
        change the object is as wanted, otherwise Ambiguous is raised. Raises NotFound, Conflict when the time
        is over.
        """

        async def read() -> M:
            return await self.get(kind, namespace, name)

        return await self._change(read, fn, self.update_status if status else self.update)

    async def scale(
        self, kind: Kind | type[Message], namespace: str, name: str, replicas: int
    ) -> autoscaling.Scale:
        """Set how many replicas are wanted; raises as change does."""
        row = kind_of(kind)

        def wanted(scale: autoscaling.Scale) -> None:
            scale.spec.replicas = replicas

        async def read() -> autoscaling.Scale:
            return await self.get_scale(row, namespace, name)

        async def write(scale: autoscaling.Scale) -> autoscaling.Scale:
            request = wire.UpdateRequest(
                reference=reference(row, namespace, name),
                body=bodies.protobuf(scale),
                options=self._options(dry_run=False),
                subresource="scale",
            )
            return autoscaling.Scale.FromString((await self.send(request)).object)

        return await self._change(read, wanted, write)

    async def bind(self, pod: core.Pod, node_name: str) -> None:
        """Give a pod to a node; raises Conflict when it is on one, or is another pod by now. Repeated when
        the answer is lost: the uid makes that harmless."""
        binding = core.Binding()
        binding.metadata.name, binding.metadata.namespace = pod.metadata.name, pod.metadata.namespace
        binding.metadata.uid = pod.metadata.uid
        binding.target.kind, binding.target.name = "Node", node_name
        await self._create_below(pod, "binding", binding)

    async def evict(self, pod: core.Pod, *, grace_s: int | None = None, dry_run: bool = False) -> None:
        """Delete a pod unless a disruption budget forbids it: TooManyRequests, not waited for here unless the
        server says for how long. Means this very pod, by its uid; a pod that is gone is NotFound."""
        eviction = policy.Eviction()
        eviction.metadata.name, eviction.metadata.namespace = pod.metadata.name, pod.metadata.namespace
        eviction.deleteOptions.CopyFrom(bodies.delete_options(None, pod.metadata.uid, grace_s, ""))
        await self._create_below(pod, "eviction", eviction, dry_run=dry_run)

    async def _create_below(
        self, pod: core.Pod, subresource: str, body: Message, *, dry_run: bool = False
    ) -> None:
        request = wire.CreateRequest(
            reference=reference(POD, pod.metadata.namespace, pod.metadata.name),
            body=bodies.protobuf(body),
            options=self._options(dry_run),
            subresource=subresource,
        )
        await self.send(request)

    async def _change(
        self,
        read: Callable[[], Awaitable[M]],
        fn: Callable[[M], object],
        write: Callable[[M], Awaitable[M]],
    ) -> M:
        ends_at = asyncio.get_running_loop().time() + self._timeout_s
        backoff = Backoff(self.rng, CONFLICT_FIRST_S, CONFLICT_MOST_S)
        doubt: Ambiguous | None = None
        while True:
            found = await read()
            wanted = type(found)()
            wanted.CopyFrom(found)
            fn(wanted)
            if wanted == found:
                return found
            if doubt is not None:
                raise doubt
            try:
                return await write(wanted)
            except Ambiguous as error:
                doubt = error
            except Conflict:
                pause_s = backoff.next_s()
                if asyncio.get_running_loop().time() + pause_s >= ends_at:
                    raise
                await asyncio.sleep(pause_s)
