"""The objects of one kind in memory, with their indexes and subscribers: the synchronous half of the cache.

It knows nothing of the store's connection or of asyncio; cache.py feeds it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from control_plane.objects.records import CachedRecord, RecordChange, RecordReader
from control_plane.objects.space import Space
from control_plane.store.interface import Change, Record
from knarr.api.kinds import Kind

Names = dict[tuple[str, str], None]  # (namespace, name), used as a set that keeps its order
RecordHandler = Callable[[Sequence[RecordChange]], None]


class KindTable:
    """All records of one kind, by namespace and name, by controlling owner and by node."""

    def __init__(self, kind: Kind) -> None:
        self.reader = RecordReader(kind)
        self.version = 0  # everything up to it has been applied
        self._spaces: dict[str, Space] = {}
        self._by_owner: dict[str, Names] = {}
        self._by_node: dict[str, Names] = {}

    def get(self, namespace: str, name: str) -> CachedRecord | None:
        space = self._spaces.get(namespace)
        return space.get(name) if space is not None else None

    def __iter__(self) -> Iterator[CachedRecord]:
        for space in self._spaces.values():
            yield from space

    def __len__(self) -> int:
        return sum(map(len, self._spaces.values()))

    def find(self, namespace: str | None, owner_uid: str | None, node_name: str | None) -> list[CachedRecord]:
        """Those that match all that is not None, by namespace and name."""
        if owner_uid is not None:
            found = self._named(self._by_owner.get(owner_uid, {}))
        elif node_name:
            found = self._named(self._by_node.get(node_name, {}))
        else:
            found = list(chain.from_iterable(self.pieces(namespace)))
            if node_name is None:
                return found
        return [
            record
            for record in found
            if (namespace is None or record.namespace == namespace)
            and (node_name is None or record.node_name == node_name)
        ]

    def pieces(self, namespace: str | None) -> Sequence[Sequence[CachedRecord]]:
        """All of one namespace or of all, by namespace and name, in pieces of bounded length. They are of one
        moment: what is applied later does not show in them."""
        spaces = (
            self._spaces.get(name) for name in (sorted(self._spaces) if namespace is None else [namespace])
        )
        return [piece for space in spaces if space is not None for piece in space.ordered()]

    def apply(self, change: Change) -> RecordChange | None:
        """Take one change of the store; None when it changes nothing here. Raises DecodeError."""
        namespace, name = self.reader.kind.split_key(change.key)
        previous = self.get(namespace, name)
        if previous is not None and previous.version >= change.version:
            return None
        current = None
        if change.value is not None:
            current = self.reader.read(change.key, change.value, change.version)
        if current is None and previous is None:
            return None
        self._replace(previous, current)
        return RecordChange(self.reader, change.version, current, previous)

    def stale(self, record: Record) -> bool:
        """Whether a listed record is newer than what is here."""
        known = self.get(*self.reader.kind.split_key(record.key))
        return known is None or known.version < record.version

    def missing_from(self, keys: set[str], version: int) -> list[Change]:
        """Deletions, at `version`, of what is here and not among the listed keys."""
        key_of = self.reader.kind.key
        return [
            Change(key_of(record.namespace, record.name), None, version, record.value)
            for record in self
            if key_of(record.namespace, record.name) not in keys
        ]

    def _named(self, names: Names) -> list[CachedRecord]:
        found = (self._spaces[namespace].get(name) for namespace, name in sorted(names))
        return [record for record in found if record is not None]

    def _replace(self, previous: CachedRecord | None, current: CachedRecord | None) -> None:
        if previous is not None and (
            current is None
            or previous.owner_uid != current.owner_uid
            or previous.node_name != current.node_name
        ):
            self._unindex(previous)
        if current is not None:
            space = self._spaces.get(current.namespace)
            if space is None:
                space = self._spaces[current.namespace] = Space()
            space.put(current)
            self._index(current)
        elif previous is not None:
            space = self._spaces[previous.namespace]
            space.remove(previous.name)
            if not space:
                del self._spaces[previous.namespace]

    def _index(self, record: CachedRecord) -> None:
        name = (record.namespace, record.name)
        if record.owner_uid and name not in self._by_owner.setdefault(record.owner_uid, {}):
            self._by_owner[record.owner_uid][name] = None
        if record.node_name and name not in self._by_node.setdefault(record.node_name, {}):
            self._by_node[record.node_name][name] = None

    def _unindex(self, record: CachedRecord) -> None:
        for index, value in ((self._by_owner, record.owner_uid), (self._by_node, record.node_name)):
            names = index.get(value)
            if names is not None:
                names.pop((record.namespace, record.name), None)
                if not names:
                    del index[value]
