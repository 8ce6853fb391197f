"""The repair of claims: gives back what no Service holds, and claims what a Service holds without a claim.

The first is left behind by a process that died between letting a Service go and giving back what it held; the
second by Services that are older than claims. Level-driven and slow: nothing waits for it.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from control_plane.api.allocation.holdings import CLAIMS, held, owner
from control_plane.api.records import Records
from control_plane.objects.interface import Objects
from control_plane.store.interface import ABSENT, Record, Refused, Write
from knarr.api.kinds import SERVICE
from knarr.errors import ApiError, NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core

_log = structlog.get_logger(__name__)

PAGE = 1000  # claims read at once
EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Difference:
    """What claims and Services do not agree about."""

    unheld: tuple[Record, ...]  # claims that none of the Services holds
    unclaimed: tuple[tuple[str, core.Service], ...]  # keys that nobody claims, and who holds them


def compare(claims: Sequence[Record], services: Sequence[core.Service]) -> Difference:
    """Pure. Neither side need be of the same moment: what is found is looked at again before it is mended."""
    holders: Mapping[str, list[core.Service]] = _holders(services)
    unheld = tuple(
        claim
        for claim in claims
        if not any(owner(service) == claim.value for service in holders.get(claim.key, ()))
    )
    claimed = {claim.key for claim in claims}
    unclaimed = tuple((key, found[0]) for key, found in sorted(holders.items()) if key not in claimed)
    return Difference(unheld, unclaimed)


def _holders(services: Sequence[core.Service]) -> dict[str, list[core.Service]]:
    holders: dict[str, list[core.Service]] = {}
    for service in services:
        for key in held(service):
            holders.setdefault(key, []).append(service)
    return holders


class AllocationRepair:
    """Compares and mends until it is cancelled."""

    name = "service-allocations"

    def __init__(
        self, objects: Objects, records: Records, jitter: random.Random, every_s: float = EVERY_S
    ) -> None:
        self._objects = objects
        self._records = records
        self._random = jitter
        self._every_s = every_s

    async def run(self) -> None:
        """Never returns."""
        await self._objects.synced()
        while True:
            try:
                await self.once()
            except ApiError as error:
                _log.warning("claims_were_not_compared", error=error.message)
            await asyncio.sleep(self._every_s * self._random.uniform(0.8, 1.2))

    async def once(self) -> None:
        """Compare all claims with all Services and mend what they differ in; raises ApiError."""
        difference = compare(await self._claims(), self._objects.list(core.Service))
        for claim in difference.unheld:
            if not await self._is_held(claim):
                await self._records.write_all([Write(claim.key, None, claim.version)])
                _log.info("claim_was_released", key=claim.key, holder=claim.value.decode())
        for key, service in difference.unclaimed:
            await self._claim(key, service)

    async def _claims(self) -> list[Record]:
        found: list[Record] = []
        after, version = "", 0
        while True:
            page = await self._records.page(CLAIMS, PAGE, after, version)
            found += page.records
            if not page.more:
                return found
            version, after = page.version, page.records[-1].key

    async def _is_held(self, claim: Record) -> bool:
        """Whether the Service that the claim names holds it, by the store, asked after the claim was read."""
        namespace, name, _ = claim.value.decode().split("/")
        service = await self._newest(namespace, name)
        return service is not None and owner(service) == claim.value and claim.key in held(service)

    async def _claim(self, key: str, service: core.Service) -> None:
        newest = await self._newest(service.metadata.namespace, service.metadata.name)
        if newest is None or key not in held(newest):
            return
        (outcome,) = await self._records.write_all([Write(key, owner(newest), ABSENT)])
        if isinstance(outcome, Refused) and outcome.current and outcome.current.value != owner(newest):
            holder = outcome.current.value.decode()
            _log.warning("two_services_hold_the_same", key=key, one=owner(newest).decode(), other=holder)

    async def _newest(self, namespace: str, name: str) -> core.Service | None:
        try:
            found = (await self._records.newest(SERVICE, namespace, name)).obj
        except NotFound:
            return None
        assert isinstance(found, core.Service)
        return found
