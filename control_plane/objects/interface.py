"""What scheduler, controllers and node sessions see of the object store: a cache to read, a writer to act.

Reads are from the in-process cache: synchronous, of one moment, a copy for each reader. Writes go through
the API's own path (defaults, validation, admission, generation), in process. Messages are the kinds'
protobuf messages (knarr.api.kinds). `metadata.resourceVersion` is filled in on every object handed out.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

from google.protobuf.message import Message

from knarr.api.kinds import Kind
from knarr.errors import ApiError
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)


class ObjectKey(NamedTuple):
    """Names one object. A tuple, as it is made and looked up for each change of each object."""

    kind: str  # Kind.name
    namespace: str  # "" for cluster-scoped kinds
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}" if self.namespace else f"{self.kind}/{self.name}"


class ChangeType(Enum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class ObjectChange(Protocol):
    """One change of one object, in the order of the store. Messages are parsed when they are asked for."""

    @property
    def type(self) -> ChangeType: ...
    @property
    def key(self) -> ObjectKey: ...
    @property
    def version(self) -> int: ...
    @property
    def new(self) -> Message | None:
        """None when the object was deleted."""
        ...

    @property
    def old(self) -> Message | None:
        """None when the object was added."""
        ...


Handler = Callable[[Sequence[ObjectChange]], None]


class Objects(Protocol):
    """The cache."""

    def get(self, kind: type[M], namespace: str, name: str) -> M | None:
        """A copy of the object, or None."""
        ...

    def list(
        self,
        kind: type[M],
        namespace: str | None = None,
        *,
        labels: meta.LabelSelector | None = None,
        owner_uid: str | None = None,
        node_name: str | None = None,
    ) -> list[M]:
        """Copies of those that match, by key. Owner and node are answered from an index; `owner_uid` is
        the uid of the controlling owner reference."""
        ...

    def keys(self, kind: type[Message]) -> Iterable[ObjectKey]:
        """The keys of all objects of the kind."""
        ...

    def subscribe(self, kinds: Sequence[type[Message]], handler: Handler) -> Callable[[], None]:
        """Call `handler` with every batch of changes, synchronously and in order, first with all that exists
        as ADDED. It must be quick and must not raise. Returns what ends the subscription."""
        ...

    async def synced(self) -> None:
        """Return once the cache holds everything that was stored when it started."""
        ...

    async def seen(self, version: int) -> None:
        """Return once the cache holds the change with this version."""
        ...


class Propagation(Enum):
    BACKGROUND = "Background"
    FOREGROUND = "Foreground"
    ORPHAN = "Orphan"


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """As Kubernetes' DeleteOptions; None: the kind's default."""

    grace_period_s: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation: Propagation | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Puts a pod on a node, if it is still the pod with this uid and not bound."""

    namespace: str
    name: str
    uid: str  # "" for any
    node_name: str
    resource_version: str = ""  # the pod must have; "" for any
    labels: tuple[tuple[str, str], ...] = ()  # that the pod gets where it has none of the name
    annotations: tuple[tuple[str, str], ...] = ()  # that the pod gets


class Writer(Protocol):
    """Writes to objects. Raise ApiError (knarr.errors). Each returns once the cache has seen the write."""

    async def create(self, obj: M) -> M:
        """Raises AlreadyExists, Invalid, Forbidden, …; generateName is honoured."""
        ...

    async def create_all(self, objs: Sequence[Message]) -> Sequence[Message | ApiError]:
        """Several at once, each with its own outcome, in order: in less time than one by one."""
        ...

    async def update(self, obj: M) -> M:
        """Everything but status. Raises Conflict when metadata.resourceVersion is set and stale."""
        ...

    async def update_status(self, obj: M) -> M:
        """Status (and, as Kubernetes, nothing else of spec); the same preconditions."""
        ...

    async def delete(self, kind: Kind, namespace: str, name: str, options: DeleteOptions) -> None:
        """Raises NotFound, Conflict (preconditions)."""
        ...

    async def exists(self, kind: Kind, namespace: str, name: str, uid: str) -> bool:
        """Whether the object with this uid ("": any) is stored. Asks the store: the cache may be behind."""
        ...

    async def bind(self, bindings: Sequence[Binding]) -> Sequence[ApiError | None]:
        """All at once, batched, each with its own outcome; also sets PodScheduled=True."""
        ...
