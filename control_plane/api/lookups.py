"""What admission asks of other objects: namespaces, priority classes, limit ranges, disruption budgets.

Answered from the cache, and parsed once for each version of it; the store is asked only about what the cache
does not have yet, and about budgets, which are spent exactly. What comes from the cache is shared: nobody may
alter it.
"""

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message

from control_plane.api.records import Records
from control_plane.objects.cache import CachedObjects
from knarr.api.kinds import LIMIT_RANGE, NAMESPACE, POD_DISRUPTION_BUDGET, PRIORITY_CLASS
from knarr.errors import NotFound
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling

REMEMBERED = 10_000  # namespaces kept parsed


class Lookups:
    """Other objects that a write depends on."""

    def __init__(self, objects: CachedObjects, storage: Records) -> None:
        self._objects = objects
        self._storage = storage
        self._namespaces: dict[str, tuple[int, core.Namespace]] = {}
        self._classes: dict[str, scheduling.PriorityClass] = {}
        self._classes_version = -1
        self._ranges: dict[str, Sequence[core.LimitRange]] = {}
        self._ranges_version = -1

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
        """Another replica may have created it a moment ago."""
        if not name:
            return None
        try:
            found: Message = (await self._storage.newest(NAMESPACE, "", name)).obj
        except NotFound:
            return None
        assert isinstance(found, core.Namespace)
        return found

    def priority_classes(self) -> Mapping[str, scheduling.PriorityClass]:
        """All priority classes by name."""
        version = self._objects.version(PRIORITY_CLASS)
        if version != self._classes_version:
            found = self._objects.list(scheduling.PriorityClass)
            self._classes = {each.metadata.name: each for each in found}
            self._classes_version = version
        return self._classes

    def limit_ranges(self, namespace: str) -> Sequence[core.LimitRange]:
        """The limit ranges of a namespace, by name."""
        version = self._objects.version(LIMIT_RANGE)
        if version != self._ranges_version or len(self._ranges) >= REMEMBERED:
            self._ranges.clear()
            self._ranges_version = version
        found = self._ranges.get(namespace)
        if found is None:
            found = self._ranges[namespace] = self._objects.list(core.LimitRange, namespace)
        return found

    async def budgets(self, namespace: str) -> Sequence[policy.PodDisruptionBudget]:
        """The disruption budgets of a namespace as they are now, by name; raises Unavailable."""
        found = await self._storage.newest_all(POD_DISRUPTION_BUDGET, namespace)
        return [each for each in found if isinstance(each, policy.PodDisruptionBudget)]
