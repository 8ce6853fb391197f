"""The quotas of each namespace as this process knows them: from the cache, and newer from its own writes."""

from collections.abc import Sequence

from control_plane.api.admission.quotas.accounts import Account
from control_plane.api.messages import decode
from control_plane.objects.cache import CachedObjects
from control_plane.objects.records import CachedRecord, RecordChange
from control_plane.store.interface import Record
from knarr.api.kinds import RESOURCE_QUOTA
from knarr.proto.kubernetes import core_v1_pb2 as core

REMEMBERED = 10_000  # quotas kept parsed


class KnownQuotas:
    """Never asks the store. What it tells may be old: a charge compares the version it was told."""

    def __init__(self, objects: CachedObjects) -> None:
        self._cached: dict[str, dict[str, CachedRecord]] = {}  # by namespace and name
        self._parsed: dict[tuple[str, str], tuple[int, core.ResourceQuota | None]] = {}  # None: gone
        objects.subscribe_records(RESOURCE_QUOTA, self._changed)

    def _changed(self, changes: Sequence[RecordChange]) -> None:
        """Keeps what the cache has in reach of one look-up: every write asks."""
        for change in changes:
            key = change.key
            if change.current is not None:
                self._cached.setdefault(key.namespace, {})[key.name] = change.current
                continue
            quotas = self._cached.get(key.namespace, {})
            quotas.pop(key.name, None)
            if not quotas:
                self._cached.pop(key.namespace, None)

    def accounts(self, namespace: str) -> list[Account]:
        """Of all quotas of a namespace, by name; to be altered by the caller."""
        cached = self._cached.get(namespace)
        if cached is None:
            return []
        found: list[Account] = []
        for name in sorted(cached):
            key, record = (namespace, name), cached[name]
            version, quota = self._parsed.get(key, (0, None))
            if record.version > version:
                version, quota = self._remember(key, record.value, record.version)
            if quota is not None:
                found.append(Account(quota, version))
        return found

    def count(self, namespace: str) -> int:
        """How many quotas a namespace has."""
        return len(self._cached.get(namespace, ()))

    def written(self, account: Account, value: bytes, version: int) -> None:
        """The quota was written with this value."""
        own = account.quota.metadata
        self._remember((own.namespace, own.name), value, version)

    def found(self, account: Account, record: Record | None) -> None:
        """This is what the store has instead of what was expected."""
        own = account.quota.metadata
        key = (own.namespace, own.name)
        if record is None:
            self._parsed[key] = (account.version, None)
        elif record.version != account.version:
            self._remember(key, record.value, record.version)

    def listed(self, namespace: str, quotas: Sequence[core.ResourceQuota]) -> list[Account]:
        """The accounts of all quotas of a namespace as the store has them now."""
        found = [Account(quota, int(quota.metadata.resourceVersion)) for quota in quotas]
        for account in found:
            name = account.quota.metadata.name
            if account.version > self._parsed.get((namespace, name), (0, None))[0]:
                self._parsed[(namespace, name)] = (account.version, account.quota)
        return found

    def _remember(self, key: tuple[str, str], value: bytes, version: int) -> tuple[int, core.ResourceQuota]:
        if len(self._parsed) >= REMEMBERED:
            self._parsed.clear()
        quota = decode(RESOURCE_QUOTA, value, version)
        assert isinstance(quota, core.ResourceQuota)
        self._parsed[key] = (version, quota)
        return version, quota
