"""What calls of the client return."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from knarr.client.known import ChangeType
from knarr.proto.services import object_service_pb2 as wire

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Listed(Generic[M]):
    """A consistent list; watch from `resource_version` to learn what changes after it."""

    items: list[M]
    resource_version: str
    continue_token: str = ""  # for the next page, where a limit was given
    remaining: int | None = None  # how many objects are on later pages, where that is known


@dataclass(frozen=True, slots=True)
class WriteResult(Generic[M]):
    """What a write did: the object as it is now."""

    object: M
    outcome: "wire.Outcome.ValueType"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteResult(Generic[M]):
    """What a deletion did. `object` is None where nothing is left of it."""

    object: M | None
    outcome: "wire.Outcome.ValueType"  # DELETED, or DELETING while grace or finalizers hold it
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchedObject(Generic[M]):
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: M
    resource_version: str


@dataclass(frozen=True, slots=True)
class Change(Generic[M]):
    """What happened to one object. `object` is its state after that, of a deleted one its last; `previous`
    the state before, where the client knew one."""

    type: ChangeType
    object: M
    previous: M | None
