"""What the cache keeps of an object, and what it says about a change: bytes, and the fields it indexes.

Objects are parsed when somebody asks for them, each time anew, so that nobody shares what another may alter.
"""

import sys

from google.protobuf.message import Message

from control_plane.objects.interface import ChangeType, ObjectKey
from knarr.api.kinds import POD, Kind
from knarr.api.owners import controller_of
from knarr.proto.kubernetes import core_v1_pb2 as core

LABELS_POOLED = 10_000  # different label sets shared between objects before the pool starts again

Labels = tuple[tuple[str, str], ...]


class CachedRecord:
    """One object as it is stored, never altered once made."""

    __slots__ = ("labels", "name", "namespace", "node_name", "owner_uid", "phase", "value", "version")

    def __init__(
        self, namespace: str, name: str, value: bytes, version: int, labels: Labels, owner_uid: str
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.value = value  # the serialised message, without metadata.resourceVersion
        self.version = version
        self.labels = labels  # sorted
        self.owner_uid = owner_uid  # of the controlling owner reference; "" when there is none
        self.node_name = ""  # spec.nodeName of a pod
        self.phase = ""  # status.phase of a pod

    def labels_match(self, wanted: Labels) -> bool:
        """Whether all of `wanted` are among the labels."""
        return all(pair in self.labels for pair in wanted)


class RecordReader:
    """Makes records of one kind from what is stored, and messages from records."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._pool: dict[Labels, Labels] = {}

    def read(self, key: str, value: bytes, version: int) -> CachedRecord:
        """The record of a stored value; raises google.protobuf.message.DecodeError."""
        namespace, name = self.kind.split_key(key)
        message = self.kind.message.FromString(value)
        metadata = message.metadata  # type: ignore[attr-defined]  # every served kind has it
        owner = controller_of(metadata)
        owner_uid = "" if owner is None else sys.intern(owner.uid)
        record = CachedRecord(
            sys.intern(namespace), name, value, version, self._labels(metadata.labels), owner_uid
        )
        if self.kind is POD and isinstance(message, core.Pod):
            record.node_name = sys.intern(message.spec.nodeName)
            record.phase = sys.intern(message.status.phase)
        return record

    def message(self, value: bytes, version: int) -> Message:
        """A new message, metadata.resourceVersion filled in."""
        message = self.kind.message.FromString(value)
        message.metadata.resourceVersion = str(version)  # type: ignore[attr-defined]
        return message

    def _labels(self, labels: "dict[str, str]") -> Labels:
        """Sorted pairs; equal sets are one object, as most pods have the labels of their neighbours."""
        if not labels:
            return ()
        pairs = tuple(sorted(labels.items()))
        known = self._pool.get(pairs)
        if known is not None:
            return known
        if len(self._pool) >= LABELS_POOLED:
            self._pool.clear()
        pairs = tuple((sys.intern(name), sys.intern(value)) for name, value in pairs)
        return self._pool.setdefault(pairs, pairs)


class RecordChange:
    """One change of one object: an ObjectChange that also has the bytes."""

    __slots__ = ("_reader", "current", "previous", "type", "version")

    def __init__(
        self,
        reader: RecordReader,
        version: int,
        current: CachedRecord | None,
        previous: CachedRecord | None,
    ) -> None:
        """`current` None: deleted at `version`. At least one of the two is a record."""
        self._reader = reader
        self.version = version
        self.current = current
        self.previous = previous
        if current is None:
            self.type = ChangeType.DELETED
        else:
            self.type = ChangeType.ADDED if previous is None else ChangeType.MODIFIED

    @property
    def kind(self) -> Kind:
        return self._reader.kind

    @property
    def key(self) -> ObjectKey:
        record = self.current or self.previous
        assert record is not None
        return ObjectKey(self.kind.name, record.namespace, record.name)

    @property
    def new(self) -> Message | None:
        """Parsed anew each time."""
        return self._reader.message(self.current.value, self.current.version) if self.current else None

    @property
    def old(self) -> Message | None:
        """Parsed anew each time."""
        return self._reader.message(self.previous.value, self.previous.version) if self.previous else None
