"""A lease kept alive by a task of its own: the part that both stores share.

The holder must never believe in a lease that the store has given up. So the time of a renewal counts from
when it was *sent*, and the lease is reported lost when its time is over by that count, answered or not.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from control_plane.store.interface import AmbiguousError, StoreError, UnavailableError

RENEWALS_PER_TTL = 3  # one renewal may be lost without the lease being in danger
BELIEVED = 0.98  # share of the TTL that the holder counts on: two clocks do not run equally fast


class LeaseEndedError(StoreError):
    """The store says that it does not know the lease any more."""


Renew = Callable[[], Awaitable[None]]


class RenewedLease:
    """A lease that a task renews until it is closed or lost."""

    def __init__(self, lease_id: int, ttl_s: float, granted_at: float, renew: Renew, revoke: Renew) -> None:
        """`granted_at`: loop time at which the grant was sent. `renew` raises LeaseEndedError when the store
        does not know the lease, UnavailableError when it cannot be reached."""
        self.id = lease_id
        self.ttl_s = ttl_s
        self.ends_at = granted_at + ttl_s * BELIEVED  # loop time
        self._renew = renew
        self._revoke = revoke
        self._lost = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name=f"lease-{lease_id:x}")

    @property
    def ended(self) -> bool:
        """Whether the lease has, or may have, ended in the store."""
        return self._lost.is_set() or asyncio.get_running_loop().time() >= self.ends_at

    async def lost(self) -> None:
        """Return once the lease has, or may have, ended in the store."""
        await self._lost.wait()

    async def close(self) -> None:
        """Revoke: its keys are deleted at once; by a store that cannot be reached, when its time is over."""
        await self.abandon()
        with contextlib.suppress(StoreError):
            await self._revoke()

    async def abandon(self) -> None:
        """Stop renewing and revoke nothing, as a process that dies does."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._lost.set()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self.ttl_s / RENEWALS_PER_TTL
        try:
            while True:
                await asyncio.sleep(min(pause_s, self.ends_at - loop.time()))
                pause_s = self.ttl_s / RENEWALS_PER_TTL
                if not await self._renew_once():
                    pause_s /= 4
                if loop.time() >= self.ends_at:
                    return
        except LeaseEndedError:
            return
        finally:
            self._lost.set()

    async def _renew_once(self) -> bool:
        """Whether the store answered that the lease lives on."""
        sent_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self.ends_at):
                await self._renew()
        except (UnavailableError, AmbiguousError, TimeoutError):
            return False
        self.ends_at = sent_at + self.ttl_s * BELIEVED
        return True
