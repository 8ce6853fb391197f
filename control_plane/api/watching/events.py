"""What a change is to one watcher: what stops to match is deleted, what starts is added. Pure."""

from dataclasses import dataclass

from control_plane.api.messages import metadata, with_version
from control_plane.api.selection import Selection
from control_plane.api.watching.ring import Entry
from control_plane.objects.records import CachedRecord
from knarr.proto.services import object_service_pb2 as wire

ADDED, MODIFIED, DELETED = wire.WatchEvent.ADDED, wire.WatchEvent.MODIFIED, wire.WatchEvent.DELETED
BOOKMARK = wire.WatchEvent.BOOKMARK
INITIAL_EVENTS_END = "k8s.io/initial-events-end"  # an annotation of the bookmark that says so


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a watch. A BOOKMARK's object has nothing but its version and, perhaps, annotations."""

    type: "wire.WatchEvent.Type.ValueType"
    value: bytes
    version: int


def event_of(wanted: Selection, entry: Entry) -> Event | None:
    """The event of a change; None when it does not concern the watcher."""
    change = entry.change
    current, previous = change.current, change.previous
    after = current is not None and wanted.matches_record(current)
    if current is not None and after:
        before = previous is not None and _before(wanted, current, previous)
        return Event(MODIFIED if before else ADDED, entry.current(current), entry.version)
    if previous is not None and wanted.matches_record(previous):
        return Event(DELETED, entry.previous(previous), entry.version)
    return None


def _before(wanted: Selection, current: CachedRecord, previous: CachedRecord) -> bool:
    """Whether it matched before, when it matches now."""
    if wanted.everything:
        return True
    same_labels = current.labels is previous.labels
    if same_labels and not wanted.fields.requirements:
        return True
    return wanted.matches_record(previous)


def existing(record: CachedRecord) -> Event:
    """What tells a new watcher of an object that is there."""
    return Event(ADDED, with_version(record.value, record.version), record.version)


def bookmark(wanted: Selection, version: int, *, initial_end: bool = False) -> Event:
    """How far the watch has come."""
    obj = wanted.kind.message()
    metadata(obj).resourceVersion = str(version)
    if initial_end:
        metadata(obj).annotations[INITIAL_EVENTS_END] = "true"
    return Event(BOOKMARK, obj.SerializeToString(), version)
