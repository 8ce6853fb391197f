"""What a controller may decide to do. Values only: control_plane/controllers/apply.py carries them out.

Actions of one decision are carried out in order. A run of consecutive Creates, Updates or Deletes is carried
out concurrently, so a decision must not rely on the order within such a run.
"""

from dataclasses import dataclass
from typing import Literal, TypeVar

from google.protobuf.message import Message

from control_plane.objects.interface import DeleteOptions, ObjectKey
from knarr.api import kinds
from knarr.proto.kubernetes import meta_v1_pb2 as meta

M = TypeVar("M", bound=Message)

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One object, not a later one with its name; `uid` "" means any."""

    key: ObjectKey
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Tell people: an event about `subject`. In the message of an action's event, `{name}` stands for the
    name of the object acted on (the server chooses it when an object is created by generateName)."""

    subject: Message
    type: EventType
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Create:
    """Create the object; when it is done, record `then`."""

    obj: Message
    then: Record | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Write all but status, if resourceVersion is still that of the object read. `unless`: as Delete."""

    obj: Message
    then: Record | None = None
    unless: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """Write the status, if resourceVersion is still that of the object read."""

    obj: Message


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object if it is still the one with `options.uid`. One that is gone already is no error.

    `unless`: objects of which none may exist, as the store says and not the cache: what is deleted cannot be
    brought back, and the cache may not have heard of them yet."""

    key: ObjectKey
    options: DeleteOptions
    then: Record | None = None
    unless: tuple[Instance, ...] = ()


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """Decide about the same key again in so many seconds; something is due then."""

    seconds: float


Action = Create | Update | UpdateStatus | Delete | Record | RequeueAfter


@dataclass(frozen=True, slots=True)
class Failure:
    """An action of the decision before was refused for good; retrying alone will not help.

    It is given to the next decision about the key, so that it can be shown in the object's status."""

    action: str  # the class name: "Create", "Update", …
    message: str


def copy_of(obj: M) -> M:
    """A copy to be changed: what was read stays as it was."""
    copy = type(obj)()
    copy.CopyFrom(obj)
    return copy


def metadata(obj: Message) -> meta.ObjectMeta:
    """The metadata of an object of any kind."""
    found = getattr(obj, "metadata", None)
    if not isinstance(found, meta.ObjectMeta):
        raise TypeError(f"{type(obj).__name__} is no object: it has no metadata")
    return found


def key_of(obj: Message) -> ObjectKey:
    """The key of an object of a served kind."""
    meta_ = metadata(obj)
    return ObjectKey(kinds.of(obj).name, meta_.namespace, meta_.name)


def delete(obj: Message, then: Record | None = None, grace_period_s: int | None = None) -> Delete:
    """The deletion of exactly this object, not of a later one with its name."""
    options = DeleteOptions(uid=metadata(obj).uid, grace_period_s=grace_period_s)
    return Delete(key_of(obj), options, then)
