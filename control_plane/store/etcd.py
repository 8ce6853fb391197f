"""EtcdStore: the Store on etcd v3.

It puts together the batching writer, the resuming watch and the leases; nothing here keeps data.
"""

import asyncio
import collections
import math
import random
from collections.abc import AsyncGenerator, Sequence

import grpc.aio

from control_plane.store import etcd_watch
from control_plane.store.etcd_client import EtcdClient, EtcdSettings, LargeAnswerError
from control_plane.store.etcd_reader import BatchReader
from control_plane.store.etcd_values import list_version, prefix_end, record_of
from control_plane.store.etcd_writer import BatchWriter
from control_plane.store.interface import (
    POSITIONS,
    Change,
    CompactedError,
    Outcome,
    Page,
    Record,
    UnavailableError,
    Write,
)
from control_plane.store.lease import LeaseEndedError, RenewedLease
from knarr.proto.etcd import rpc_pb2 as rpc

PAGE = 1000  # records of one request when all are asked for
RENEW_TIMEOUT_S = 2.0


class EtcdStore:
    """A Store on etcd."""

    def __init__(self, client: EtcdClient) -> None:
        self.client = client
        self._reader = BatchReader(client)
        self._writer = BatchWriter(client)
        self._leases: Sequence[RenewedLease] = ()

    @classmethod
    def connect(cls, settings: EtcdSettings, rng: random.Random | None = None) -> "EtcdStore":
        """A store on these endpoints; it connects on first use. `rng`: jitter of retries."""
        return cls(EtcdClient(settings, rng or random.Random()))

    async def get(self, key: str) -> Record | None:
        return await self._reader.get(key)

    async def list(self, prefix: str, *, limit: int = 0, after: str = "", version: int = 0) -> Page:
        if limit:
            return await self._page(prefix, limit, after, version)
        records: collections.deque[Record] = collections.deque()
        while True:
            page = await self._page(prefix, PAGE, after, version)
            records.extend(page.records)
            version = page.version
            if not page.more:
                return Page(tuple(records), version, False, 0)
            after = page.records[-1].key

    async def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        return await self._writer.write(writes)

    def watch(self, prefix: str, version: int) -> AsyncGenerator[Sequence[Change], None]:
        return etcd_watch.watch(self.client, prefix, version)

    async def lease(self, ttl_s: float) -> RenewedLease:
        """etcd counts whole seconds and has a least time (some 2 s); the lease knows what it was given."""
        sent_at = asyncio.get_running_loop().time()
        request = rpc.LeaseGrantRequest(TTL=math.ceil(ttl_s))
        granted = await self.client.repeat(lambda endpoint: endpoint.lease.LeaseGrant, request)
        lease_id = granted.ID

        async def renew() -> None:
            await self._renew(lease_id)

        async def revoke() -> None:
            await self._revoke(lease_id)

        lease = RenewedLease(lease_id, float(granted.TTL), sent_at, renew, revoke)
        self._leases = [*(old for old in self._leases if not old.ended), lease]
        return lease

    async def compact(self, version: int) -> None:
        """Compacts the revision before: of the one that it compacts, etcd keeps what was there, but not which
        keys were deleted."""
        revision = version // POSITIONS - 1
        if revision < 1:
            return
        try:
            request = rpc.CompactionRequest(revision=revision)
            await self.client.repeat(lambda endpoint: endpoint.kv.Compact, request)
        except CompactedError:
            return  # somebody else did

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()
        for lease in self._leases:
            await lease.close()
        await self.client.close()

    async def crash(self) -> None:
        """End as a killed process does: leases are left to run out by their time."""
        await self._writer.close()
        await self._reader.close()
        for lease in self._leases:
            await lease.abandon()
        self._leases = ()
        await self.client.close()

    async def _page(self, prefix: str, limit: int, after: str, version: int) -> Page:
        """A page; a shorter one than asked for where so many records are more than one answer takes."""
        request = rpc.RangeRequest(
            key=after.encode() + b"\0" if after else prefix.encode(),
            range_end=prefix_end(prefix),
            limit=limit,
            revision=version // POSITIONS,
        )
        while True:
            try:
                response = await self.client.repeat(lambda endpoint: endpoint.kv.Range, request)
                break
            except CompactedError as error:
                raise CompactedError(version, 0) from error
            except LargeAnswerError:
                if request.limit == 1:
                    raise
                request.limit //= 2
        return Page(
            tuple(map(record_of, response.kvs)),
            list_version(version // POSITIONS or response.header.revision),
            response.more,
            max(0, response.count - len(response.kvs)),
        )

    async def _renew(self, lease_id: int) -> None:
        """Raises LeaseEndedError, UnavailableError."""
        endpoint = await self.client.connected()
        call = endpoint.lease.LeaseKeepAlive(timeout=RENEW_TIMEOUT_S)
        try:
            await call.write(rpc.LeaseKeepAliveRequest(ID=lease_id))
            answer = await call.read()
        except grpc.aio.AioRpcError as error:
            raise self.client.failure(endpoint, error) from error
        except asyncio.InvalidStateError as error:
            raise UnavailableError("etcd ended the renewal") from error
        finally:
            call.cancel()
        if not isinstance(answer, rpc.LeaseKeepAliveResponse):
            raise UnavailableError("etcd ended the renewal")
        if answer.TTL <= 0:
            raise LeaseEndedError(f"lease {lease_id:x} has ended")

    async def _revoke(self, lease_id: int) -> None:
        request = rpc.LeaseRevokeRequest(ID=lease_id)
        await self.client.attempt(lambda endpoint: endpoint.lease.LeaseRevoke, request, RENEW_TIMEOUT_S)
