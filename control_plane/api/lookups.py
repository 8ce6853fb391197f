"""What admission asks of other objects: namespaces, accounts, classes, limit ranges, disruption budgets.

Answered from the cache, and parsed once for each version of it; the store is asked only about what the cache
does not have yet, and about budgets, which are spent exactly. What comes from the cache is shared: nobody may
alter it.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from google.protobuf.message import Message

from control_plane.api.admission.accounts import DEFAULT
from control_plane.api.records import Records
from control_plane.objects.cache import CachedObjects
from knarr.api.kinds import NAMESPACE, POD_DISRUPTION_BUDGET, SERVICE_ACCOUNT, Kind, of
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from knarr.proto.kubernetes import storage_v1_pb2 as storage

REMEMBERED = 10_000  # namespaces, and accounts, kept parsed
DEFAULT_ACCOUNT_TRIES = 5  # looks for an account that is about to be made

M = TypeVar("M", bound=Message)


class _Parsed(Generic[M]):
    """All objects of a kind that changes seldom, by namespace."""

    def __init__(self, objects: CachedObjects, message: type[M]) -> None:
        self._objects = objects
        self._message = message
        self._kind = of(message)
        self._found: dict[str | None, Sequence[M]] = {}
        self._version = -1

    def of(self, namespace: str | None = None) -> Sequence[M]:
        """Those of one namespace, or of the cluster, by name."""
        version = self._objects.version(self._kind)
        if version != self._version or len(self._found) >= REMEMBERED:
            self._found.clear()
            self._version = version
        found = self._found.get(namespace)
        if found is None:
            found = self._found[namespace] = self._objects.list(self._message, namespace)
        return found


class Lookups:
    """Other objects that a write depends on."""

    def __init__(self, objects: CachedObjects, records: Records) -> None:
        self._objects = objects
        self._records = records
        self._namespaces: dict[str, tuple[int, core.Namespace]] = {}
        self._accounts: dict[tuple[str, str], tuple[int, Sequence[str]]] = {}
        self._classes: dict[str, scheduling.PriorityClass] = {}
        self._classes_of: Sequence[scheduling.PriorityClass] | None = None
        self._priorities = _Parsed(objects, scheduling.PriorityClass)
        self._ranges = _Parsed(objects, core.LimitRange)
        self._storage_classes = _Parsed(objects, storage.StorageClass)
        self._ingress_classes = _Parsed(objects, networking.IngressClass)

    async def namespace(self, name: str) -> core.Namespace | None:
        """The namespace, or None when there is none."""
        record = self._objects.record(NAMESPACE, "", name)
        if record is None:
            return await self._new_namespace(name)
        known = self._namespaces.get(name)
        if known is not None and known[0] == record.version:
            return known[1]
        if len(self._namespaces) >= REMEMBERED:
            self._namespaces.clear()
        namespace = core.Namespace.FromString(record.value)
        self._namespaces[name] = (record.version, namespace)
        return namespace

    async def _new_namespace(self, name: str) -> core.Namespace | None:
        found = await self._stored(NAMESPACE, "", name) if name else None
        assert found is None or isinstance(found, core.Namespace)
        return found

    async def _stored(self, kind: Kind, namespace: str, name: str) -> Message | None:
        """What the cache does not have: another replica may have created it a moment ago."""
        try:
            return (await self._records.newest(kind, namespace, name)).obj
        except NotFound:
            return None

    async def pull_secrets(self, namespace: str, account: str) -> Sequence[str] | None:
        """The names of an account's secrets for pulling images, or None when there is no such account. The
        one that each namespace has is waited for a moment: in a namespace of an older cluster a controller
        makes it."""
        record = self._objects.record(SERVICE_ACCOUNT, namespace, account)
        if record is None:
            return await self._new_pull_secrets(namespace, account)
        key = (namespace, account)
        known = self._accounts.get(key)
        if known is None or known[0] != record.version:
            if len(self._accounts) >= REMEMBERED:
                self._accounts.clear()
            known = record.version, _pull_secrets(core.ServiceAccount.FromString(record.value))
            self._accounts[key] = known
        return known[1]

    async def _new_pull_secrets(self, namespace: str, account: str) -> Sequence[str] | None:
        for attempt in range(DEFAULT_ACCOUNT_TRIES if account == DEFAULT else 1):
            if attempt:
                await self._records.pause(attempt)
            found = await self._stored(SERVICE_ACCOUNT, namespace, account)
            if isinstance(found, core.ServiceAccount):
                return _pull_secrets(found)
        return None

    def priority_classes(self) -> Mapping[str, scheduling.PriorityClass]:
        """All priority classes by name."""
        found = self._priorities.of()
        if found is not self._classes_of:
            self._classes = {each.metadata.name: each for each in found}
            self._classes_of = found
        return self._classes

    def limit_ranges(self, namespace: str) -> Sequence[core.LimitRange]:
        """The limit ranges of a namespace, by name."""
        return self._ranges.of(namespace)

    def storage_classes(self) -> Sequence[storage.StorageClass]:
        """All storage classes, by name."""
        return self._storage_classes.of()

    def ingress_classes(self) -> Sequence[networking.IngressClass]:
        """All ingress classes, by name."""
        return self._ingress_classes.of()

    async def budgets(self, namespace: str) -> Sequence[policy.PodDisruptionBudget]:
        """The disruption budgets of a namespace as they are now, by name; raises Unavailable."""
        found = await self._records.newest_all(POD_DISRUPTION_BUDGET, namespace)
        return [each for each in found if isinstance(each, policy.PodDisruptionBudget)]


def _pull_secrets(account: core.ServiceAccount) -> Sequence[str]:
    return tuple(secret.name for secret in account.imagePullSecrets)
