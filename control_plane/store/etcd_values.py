"""How records and versions stand in etcd: the first byte of a value is its position in its batch.

A deletion has no value to carry a position. Its position is that of the value it deletes: the writer knows
it from what it compares with and arranges its batch around it, and every watch knows it from the previous
value. Keys that end with their lease are deleted by etcd, in an order of its own: there, a position is at
least one above that of the deletion before, and those beyond the last position share it; they are handed on
together all the same.
"""

from collections.abc import Sequence

from control_plane.store.interface import MAX_BATCH, POSITIONS, Change, CompactedError, Record
from knarr.proto.etcd import kv_pb2 as kv

LAST = MAX_BATCH - 1  # the highest position of a change


def list_version(revision: int) -> int:
    """The version of a list of everything at `revision`."""
    return revision * POSITIONS + POSITIONS - 1


def position_of(value: bytes) -> int:
    """Of a stored value; foreign values, which have none, are taken to stand first."""
    return min(value[0], LAST) if value else 0


def record_of(stored: kv.KeyValue) -> Record:
    value = stored.value
    version = stored.mod_revision * POSITIONS + position_of(value)
    return Record(stored.key.decode(), value[1:], version)


def prefix_end(prefix: str) -> bytes:
    """The first key that sorts after all keys with the prefix."""
    encoded = prefix.encode()
    return encoded[:-1] + bytes((encoded[-1] + 1,))


def changes_of(events: Sequence[kv.Event], after: int) -> list[Change]:
    """The changes of whole revisions, with a version above `after`.

    Raises CompactedError when etcd no longer has what was there before one of them."""
    changes: list[Change] = []
    revision, position = 0, -1
    for event in events:
        stored = event.kv
        if stored.mod_revision != revision:
            revision, position = stored.mod_revision, -1
        had = event.HasField("prev_kv")
        previous = event.prev_kv.value if had else b""
        deleted = event.type == kv.Event.DELETE
        if not had and (deleted or stored.version > 1):
            raise CompactedError(after, 0)
        if deleted:
            position = min(max(position + 1, position_of(previous)), LAST)
        else:
            position = position_of(stored.value)
        version = revision * POSITIONS + position
        if version > after:
            value = None if deleted else stored.value[1:]
            changes.append(Change(stored.key.decode(), value, version, previous[1:] if had else None))
    return changes
