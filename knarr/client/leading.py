"""One of several copies of a program does the work: leader election on a Lease object.

A copy leads while it holds the lease and has renewed it lately, by its own monotonic clock; it stops its work
well before others may take the lease. Others count from when they saw the lease change, so that clocks need
not agree. Two never lead at once unless work takes longer to stop than `lease_s - renew_within_s`.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from knarr.client.client import Client
from knarr.clock import Clock, Ids, RandomIds
from knarr.errors import AlreadyExists, ApiError, Conflict, NotFound
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination
from knarr.proto.kubernetes import meta_v1_pb2 as meta

log = logging.getLogger(__name__)  # the standard one: a library does not choose how a program logs


@dataclass(frozen=True, slots=True)
class LeaderSettings:
    """How long leading lasts; client-go's figures."""

    # So long after its last change others leave a lease alone. Lease objects have whole seconds.
    lease_s: int = 15
    # A leader that could not renew it for so long stops.
    renew_within_s: float = 10.0
    # Between two tries to take or renew it, with jitter.
    retry_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Observed:
    """The lease as this copy saw it change last."""

    lease: coordination.Lease
    at: float  # monotonic


def is_free(observed: Observed, now: float, identity: str, lease_s: float) -> bool:
    """Whether a lease may be taken: nobody's, our own, or not renewed for as long as its holder has it."""
    spec = observed.lease.spec
    if spec.holderIdentity in ("", identity):
        return True
    held_s = max(lease_s, spec.leaseDurationSeconds)
    return now - observed.at > held_s


def taken(lease: coordination.Lease, identity: str, now: float, lease_s: int) -> coordination.Lease:
    """The lease, taken or renewed at `now`, seconds since 1970."""
    result = coordination.Lease()
    result.CopyFrom(lease)
    spec = result.spec
    seconds, part = divmod(now, 1)
    moment = meta.MicroTime(seconds=int(seconds), nanos=int(part * 1e6) * 1000)
    if spec.holderIdentity != identity:
        spec.leaseTransitions = spec.leaseTransitions + 1 if spec.HasField("leaseTransitions") else 0
        spec.acquireTime.CopyFrom(moment)
        spec.holderIdentity = identity
    spec.leaseDurationSeconds = lease_s
    spec.renewTime.CopyFrom(moment)
    return result


class Leader:
    """One copy's part in the election."""

    def __init__(
        self,
        client: Client,
        name: str,
        namespace: str = "kube-system",
        *,
        identity: str = "",
        settings: LeaderSettings | None = None,
        ids: Ids | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`name` and `namespace` of the lease are the same for all copies; `identity` is one copy's alone,
        made up where it is not given."""
        self._client = client
        self._clock: Clock = client.clock
        self._name = name
        self._namespace = namespace
        self.identity = identity or f"{name}-{(ids or RandomIds()).suffix(8)}"
        self._settings = settings or LeaderSettings()
        self._rng = rng or random.Random()
        self._observed: Observed | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do the work whenever this copy leads, until cancelled; then the lease is given back. Ends, too,
        when the work ends by itself, and raises what it raises."""
        try:
            while True:
                renewed = await self._acquire()
                log.info("leading began lease=%s identity=%s", self._name, self.identity)
                if await self._work_while_leading(work, renewed):
                    return
                log.warning("leading ended lease=%s identity=%s", self._name, self.identity)
        finally:
            await self._release()

    async def _acquire(self) -> float:
        """Wait until the lease is ours; the monotonic time from which that counts."""
        while True:
            began = self._clock.monotonic()
            if await self._try():
                return began
            await asyncio.sleep(self._settings.retry_s * (0.75 + self._rng.random() / 2))

    async def _work_while_leading(
        self, work: Callable[[], Coroutine[Any, Any, object]], renewed: float
    ) -> bool:
        """Whether the work ended by itself; else the lease could not be renewed and the work has been
        stopped."""
        task = asyncio.create_task(work(), name=f"leading-{self._name}")
        try:
            while self._clock.monotonic() - renewed < self._settings.renew_within_s:
                await asyncio.wait({task}, timeout=self._settings.retry_s * (0.75 + self._rng.random() / 2))
                if task.done():
                    await task
                    return True
                began = self._clock.monotonic()
                left_s = max(0.0, renewed + self._settings.renew_within_s - began)
                with suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        if await self._try():
                            renewed = began
                        elif self._lost():
                            return False
            return False
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # seen; where it matters it has been raised

    async def _try(self) -> bool:
        """Take or renew the lease once; False when that did not work, or is not known to have."""
        try:
            lease = await self._observe()
            assert self._observed is not None
            now = self._clock.monotonic()
            if not is_free(self._observed, now, self.identity, self._settings.lease_s):
                return False
            mine = taken(lease, self.identity, self._clock.now(), self._settings.lease_s)
            # A compare-and-set: of two copies that try at once one gets a Conflict.
            self._see(await self._client.update(mine))
            return True
        except (Conflict, NotFound, AlreadyExists):
            return False
        except ApiError as error:
            log.warning("lease was not renewed lease=%s error=%s", self._name, error.message)
            return False

    async def _observe(self) -> coordination.Lease:
        try:
            lease = await self._client.get(coordination.Lease, self._namespace, self._name)
        except NotFound:
            made = coordination.Lease(metadata=meta.ObjectMeta(name=self._name, namespace=self._namespace))
            lease = await self._client.create(made)
        self._see(lease)
        return lease

    def _see(self, lease: coordination.Lease) -> None:
        known = self._observed
        if known is None or known.lease.metadata.resourceVersion != lease.metadata.resourceVersion:
            self._observed = Observed(lease, self._clock.monotonic())

    def _lost(self) -> bool:
        """Whether another copy holds the lease now."""
        return self._observed is not None and self._observed.lease.spec.holderIdentity != self.identity

    async def _release(self) -> None:
        """Let another copy take the lease at once."""
        observed = self._observed
        if observed is None or observed.lease.spec.holderIdentity != self.identity:
            return
        observed.lease.spec.holderIdentity = ""
        with suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._settings.retry_s):
                await self._client.update(observed.lease)
