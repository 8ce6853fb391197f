"""Counting what a namespace uses, from the store itself.

The quota is read first, its objects after that, and the count is stored only if the quota is still as it was
read. Whatever was charged meanwhile has changed the quota, so a count that is stored has missed nothing.
"""

from control_plane.api.admission.quotas.accounts import Account
from control_plane.api.admission.quotas.known import KnownQuotas
from control_plane.api.admission.quotas.usage import may_count
from control_plane.api.messages import decode, encode
from control_plane.api.records import Records
from control_plane.store.interface import Refused, Write, Written
from knarr.api.kinds import KINDS, RESOURCE_QUOTA, Kind
from knarr.proto.kubernetes import core_v1_pb2 as core

PAGE = 500  # objects read at once


class Counter:
    """Counts, and knows which quotas there are now."""

    def __init__(self, storage: Records, known: KnownQuotas) -> None:
        self._storage = storage
        self._known = known

    async def accounts(self, namespace: str) -> list[Account]:
        """Of all quotas as they are stored now, counted; raises Unavailable. One that was never counted, or
        has a new limit, is counted here, by whoever needs it first; what is written meanwhile by others may
        leave one uncounted."""
        found = await self._stored(namespace)
        if all(account.counted for account in found):
            return found
        for account in found:
            if not account.counted:
                await self._count(namespace, account)
        return await self._stored(namespace)

    async def recount(self, namespace: str, name: str) -> None:
        """See Ledger.recount."""
        for account in await self._stored(namespace):
            if account.quota.metadata.name == name:
                await self._count(namespace, account)

    async def _stored(self, namespace: str) -> list[Account]:
        quotas = await self._storage.newest_all(RESOURCE_QUOTA, namespace)
        return self._known.listed(
            namespace, [each for each in quotas if isinstance(each, core.ResourceQuota)]
        )

    async def _count(self, namespace: str, account: Account) -> None:
        before = account.quota.status
        account.clear()
        for kind in KINDS:
            if kind.namespaced and may_count(kind, account.hard):
                await self._add_all(kind, namespace, account)
        counted = account.message()
        if counted.status == before:
            return
        value = encode(counted)
        key = RESOURCE_QUOTA.key(namespace, account.quota.metadata.name)
        (outcome,) = await self._storage.write_all([Write(key, value, account.version)])
        if isinstance(outcome, Written):
            self._known.written(account, value, outcome.version)
        elif isinstance(outcome, Refused):
            self._known.found(account, outcome.current)

    async def _add_all(self, kind: Kind, namespace: str, account: Account) -> None:
        prefix, after, version = f"{kind.prefix}{namespace}/", "", 0
        while True:
            page = await self._storage.page(prefix, PAGE, after, version)
            for record in page.records:
                account.add(kind, decode(kind, record.value, record.version))
            if not page.more:
                return
            version, after = page.version, page.records[-1].key
