"""Who owns which fields of an object: metadata.managedFields read, capped and written.

One entry for each manager, operation and, for updates, API version; subresources are told apart. Entries
whose set has become empty go. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from control_plane.api.patching import field_sets
from control_plane.api.patching.field_sets import FieldSet, FieldSetError
from knarr.proto.kubernetes import meta_v1_pb2 as meta

APPLY: Final = "Apply"
UPDATE: Final = "Update"
MAX_UPDATERS: Final = 10  # entries of operation Update; older ones are put together, as Kubernetes does
ANCIENT: Final = "ancient-changes"
BEFORE_FIRST_APPLY: Final = "before-first-apply"


class Identity(NamedTuple):
    """What tells entries apart."""

    manager: str
    operation: str
    version: str = ""  # the apiVersion, of updates only: an applier is the same in all versions
    subresource: str = ""

    def __str__(self) -> str:
        """As conflicts name it: `"x" with subresource "status" using apps/v1`."""
        text = '"' + self.manager.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.version}" if self.operation == UPDATE else text


def applier(manager: str, subresource: str = "") -> Identity:
    return Identity(manager, APPLY, "", subresource)


def updater(manager: str, version: str, subresource: str = "") -> Identity:
    return Identity(manager, UPDATE, version, subresource)


@dataclass(frozen=True, slots=True)
class Owned:
    """What one manager owns."""

    fields: FieldSet
    version: str  # apiVersion of its last write
    time: int  # of its last write, seconds since 1970; 0 for none
    raw: bytes = field(default=b"", compare=False)  # the fields as they were read; empty when they changed

    def with_fields(self, fields: FieldSet) -> "Owned":
        """The same with other fields; itself when they are the same."""
        return self if fields is self.fields else Owned(fields, self.version, self.time)

    def at(self, time: int) -> "Owned":
        """The same, last written at another time."""
        return Owned(self.fields, self.version, time, self.raw)


Managers = Mapping[Identity, Owned]


def read(entries: Iterable[meta.ManagedFieldsEntry]) -> dict[Identity, Owned]:
    """The entries of an object; two of one identity become one. Raises FieldSetError."""
    found: dict[Identity, Owned] = {}
    for entry in entries:
        operation, version = entry.operation, entry.apiVersion
        if operation not in (APPLY, UPDATE):
            raise FieldSetError(f"managedFields: unknown operation {operation!r}")
        if entry.fieldsType not in ("FieldsV1", ""):
            raise FieldSetError(f"managedFields: unknown fieldsType {entry.fieldsType!r}")
        name = Identity(entry.manager, operation, version if operation == UPDATE else "", entry.subresource)
        raw = entry.fieldsV1.Raw
        owned = Owned(field_sets.decode(raw), version, entry.time.seconds, raw)
        other = found.get(name)
        found[name] = owned if other is None else _joined(other, owned)
    return found


def _joined(left: Owned, right: Owned) -> Owned:
    newer = left if left.time > right.time else right
    return newer.with_fields(field_sets.union(left.fields, right.fields))


def is_reset(entries: Iterable[meta.ManagedFieldsEntry]) -> bool:
    """Whether a client asks to forget all owners: a list of one empty entry."""
    return [entry.ByteSize() for entry in entries] == [0]


def write(managers: Managers, metadata: meta.ObjectMeta) -> None:
    """Set metadata.managedFields: appliers first, then by time and name."""
    capped = cap(managers)
    names = sorted(capped, key=lambda name: (name.operation, capped[name].time, name.manager, name))
    del metadata.managedFields[:]
    for name in names:
        owned = capped[name]
        entry = metadata.managedFields.add(
            manager=name.manager,
            operation=name.operation,
            apiVersion=owned.version,
            fieldsType="FieldsV1",
            subresource=name.subresource,
        )
        entry.fieldsV1.Raw = owned.raw or field_sets.encode(owned.fields)
        if owned.time:
            entry.time.seconds = owned.time


def cap(managers: Managers) -> dict[Identity, Owned]:
    """Without empty entries, and with at most MAX_UPDATERS updates: the oldest of each version become one."""
    kept = {name: owned for name, owned in managers.items() if owned.fields}
    if len(kept) <= MAX_UPDATERS:
        return kept
    updates = sorted(
        (name for name in kept if name.operation == UPDATE), key=lambda name: (kept[name].time, name)
    )
    excess = len(updates) - MAX_UPDATERS
    first: dict[str, Identity] = {}  # the oldest entry of each version, until a second one makes a bucket
    for name in updates:
        if excess <= 0:
            break
        bucket = updater(ANCIENT, name.version)
        if name == bucket:
            first.setdefault(name.version, name)
            continue
        oldest = first.setdefault(name.version, name)
        if oldest == name:
            continue
        if bucket not in kept:
            kept[bucket] = kept.pop(oldest)
        kept[bucket] = _joined(kept[bucket], kept[name]).at(kept[name].time)
        del kept[name]
        excess -= 1
    return kept
