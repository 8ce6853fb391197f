"""The allocator: claims of addresses and node ports, written in one step with the Service that holds them.

Each claim is a key of the store of its own, and a claim is a creation of it: what one process claims no other
can, whatever either knows. What the caches show of Services only makes the first guess a good one. A claim is
given back after its Service has let go of it; what a process that died in between left behind, the repair
(repair.py) gives back.
"""

import ipaddress
import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from typing import TypeVar

import structlog

from control_plane.api.allocation.filling import (
    Ranges,
    Taken,
    check_chosen,
    check_health_check,
    fill_families,
    fill_values,
    refused,
)
from control_plane.api.allocation.holdings import Holdings, address_key, held, owner, port_key
from control_plane.api.allocation.ranges import AddressRange, PortRange
from control_plane.api.records import Records
from control_plane.api.settings import ApiSettings
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import RecordChange
from control_plane.store.interface import ABSENT, Failed, Write
from knarr.api.kinds import SERVICE
from knarr.errors import ApiError
from knarr.proto.kubernetes import core_v1_pb2 as core

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Allocator:
    """Addresses and node ports of one cluster."""

    def __init__(
        self, objects: CachedObjects, records: Records, rng: random.Random, settings: ApiSettings
    ) -> None:
        self._records = records
        self._random = rng
        first, last = settings.node_ports
        network = ipaddress.IPv4Network(settings.service_addresses)
        self._ranges = Ranges(AddressRange(network), PortRange(first, last))
        self._holders: Counter[str] = Counter()  # by key, how many Services of the cache hold it
        objects.subscribe_records(SERVICE, self._changed)

    def claim(
        self, service: core.Service, old: core.Service | None, refused_keys: Container[str] = ()
    ) -> list[Write]:
        """Fill in what the Service does not choose itself, in place; the claims of all that it does not hold
        yet. `old`: what is stored. `refused_keys`: claims that met others'. Raises Invalid, and InternalError
        (as Kubernetes) when a range is full."""
        causes = fill_families(service, old)
        refused(service, [*causes, *check_chosen(service, old, self._ranges, refused_keys)])
        check_health_check(service, old, self._ranges, refused_keys)
        addresses = _Keys(self._holders, refused_keys, address_key)
        ports = _Keys(self._holders, refused_keys, port_key)
        fill_values(service, self._ranges, Taken(addresses, ports), self._random)
        value = owner(service)
        return [Write(key, value, ABSENT) for key in sorted(held(service) - held(old))]

    async def rehearse(self, service: core.Service, old: core.Service | None) -> None:
        """The same without claims, for a write that is only rehearsed: what is chosen must be free now."""
        chosen = held(service) - held(old)
        taken = {key for key in chosen if await self._records.at(key) is not None}
        self.claim(service, old, taken)

    async def release(self, old: core.Service, new: core.Service | None) -> None:
        """Give back what a Service held and, as it is stored now, holds no more. What cannot be given back
        now is left to the repair."""
        await self.release_keys(held(old) - held(new), owner(old))

    async def release_keys(self, keys: Iterable[str], holder: bytes) -> None:
        """Give back those claims that this holder has."""
        try:
            records = [await self._records.at(key) for key in sorted(keys)]
            writes = [
                Write(record.key, None, record.version)
                for record in records
                if record is not None and record.value == holder
            ]
            failed = [each for each in await self._records.write_all(writes) if isinstance(each, Failed)]
        except ApiError as error:
            _log.warning("claims_were_not_released", error=error.message)
        else:
            if failed:
                _log.warning("claims_were_not_released", error=str(failed[0].error))

    def _changed(self, changes: Sequence[RecordChange]) -> None:
        for change in changes:
            old, new = change.old, change.new
            before: Holdings = held(old) if isinstance(old, core.Service) else frozenset()
            after: Holdings = held(new) if isinstance(new, core.Service) else frozenset()
            self._holders.update(after - before)
            self._holders.subtract(before - after)
            for key in before - after:
                if self._holders[key] <= 0:
                    del self._holders[key]


class _Keys(Container[T]):
    """The values under whose keys something is held."""

    def __init__(self, holders: Container[str], more: Container[str], key_of: Callable[[T], str]) -> None:
        self._holders = holders
        self._more = more
        self._key_of = key_of

    def __contains__(self, value: object) -> bool:
        key = self._key_of(value)  # type: ignore[arg-type]  # asked about values of its kind only
        return key in self._holders or key in self._more
