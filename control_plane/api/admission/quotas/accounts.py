"""What one quota comes to when objects are made, changed and deleted. Pure.

Charged is the difference between what an object used and what it will use, so that a sum over all objects is
what stands in status.used at any time. Texts follow Kubernetes' resourcequota admission.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property

from google.protobuf.message import Message

from control_plane.api.admission.quotas.scopes import covers
from control_plane.api.admission.quotas.usage import ZERO, unspecified, usage_of
from control_plane.api.admission.refusing import refuse
from control_plane.api.messages import copy, metadata
from knarr.api import quantity
from knarr.api.kinds import RESOURCE_QUOTA, Kind
from knarr.api.pod_amounts import Amounts, exact
from knarr.api.quantity import Quantity
from knarr.proto.kubernetes import core_v1_pb2 as core


class Change:
    """A write: `old` None is a creation, `new` None a deletion."""

    def __init__(self, kind: Kind, old: Message | None, new: Message | None) -> None:
        self.kind = kind
        self.old = old
        self.new = new

    @property
    def namespace(self) -> str:
        """ "" for objects of the cluster."""
        obj = self.new if self.new is not None else self.old
        return metadata(obj).namespace if obj is not None else ""

    @property
    def uid(self) -> str:
        """Of the object."""
        obj = self.new if self.new is not None else self.old
        return metadata(obj).uid if obj is not None else ""

    @cached_property
    def used_before(self) -> Amounts:
        """What the old object uses."""
        return usage_of(self.kind, self.old) if self.old is not None else {}

    @cached_property
    def used_after(self) -> Amounts:
        """What the new object uses."""
        return usage_of(self.kind, self.new) if self.new is not None else {}


class Account:
    """One quota, and what has been charged to it since it was read."""

    def __init__(self, quota: core.ResourceQuota, version: int) -> None:
        self.quota = quota
        self.version = version
        self.hard: Amounts = exact(quota.spec.hard)
        self.used: Amounts = exact(quota.status.used)
        self.changed = False

    @property
    def counted(self) -> bool:
        """Whether it is known how much of everything is used."""
        return all(name in self.used for name in self.hard)

    def owed(self, change: Change) -> Amounts:
        """What the change adds to what is used, without zeros; negative where it gives back. A quota that is
        deleted itself is owed nothing."""
        if change.kind is RESOURCE_QUOTA and change.uid == self.quota.metadata.uid:
            return {}
        after = self._share(change.new, change.used_after)
        before = self._share(change.old, change.used_before)
        if not before:
            return {name: amount for name, amount in after.items() if amount}
        found = {name: after.get(name, ZERO) - before.get(name, ZERO) for name in {**after, **before}}
        return {name: amount for name, amount in found.items() if amount}

    def check(self, change: Change, owed: Mapping[str, Quantity]) -> None:
        """Raises Forbidden for what is owed beyond the limit, and for pods that do not say what they need."""
        new = change.new
        if isinstance(new, core.Pod) and change.old is None and covers(self.quota, new):
            missing = unspecified(new, self.hard)
            if missing:
                raise self._refused(change, f"failed quota: {self._name}: must specify {missing}")
        over = sorted(
            name
            for name, amount in owed.items()
            if amount.nanos > 0 and self.used.get(name, ZERO) + amount > self.hard[name]
        )
        if over:
            raise self._refused(
                change,
                f"exceeded quota: {self._name}, requested: {_listed(owed, over)}, "
                f"used: {_listed(self.used, over)}, limited: {_listed(self.hard, over)}",
            )

    def charge(self, owed: Mapping[str, Quantity]) -> None:
        """Add what is owed."""
        for name, amount in owed.items():
            self.used[name] = max(ZERO, self.used.get(name, ZERO) + amount)
            self.changed = True

    def concerns(self, change: Change) -> bool:
        """Whether the change must be charged or checked."""
        return bool(self.owed(change)) or (
            change.old is None and isinstance(change.new, core.Pod) and covers(self.quota, change.new)
        )

    def clear(self) -> None:
        """Begin to count: nothing is used."""
        self.used = dict.fromkeys(self.hard, ZERO)

    def add(self, kind: Kind, obj: Message) -> None:
        """Count one object."""
        self.charge(self._share(obj, usage_of(kind, obj)))

    def message(self) -> core.ResourceQuota:
        """The quota with what is used now."""
        result = copy(self.quota)
        result.status.Clear()
        for name, amount in self.hard.items():
            result.status.hard[name].CopyFrom(quantity.message(amount))
            result.status.used[name].CopyFrom(quantity.message(self.used.get(name, ZERO)))
        return result

    def _share(self, obj: Message | None, used: Mapping[str, Quantity]) -> Amounts:
        """What of an object's use this quota counts."""
        if obj is None or not covers(self.quota, obj):
            return {}
        return {name: amount for name, amount in used.items() if name in self.hard}

    def _refused(self, change: Change, why: str) -> Exception:
        obj = change.new if change.new is not None else change.old
        assert obj is not None
        return refuse(change.kind, obj, why)

    @property
    def _name(self) -> str:
        return self.quota.metadata.name


def _listed(found: Mapping[str, Quantity], names: Iterable[str]) -> str:
    return ",".join(f"{name}={found.get(name, ZERO)}" for name in names)
