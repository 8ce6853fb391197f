"""What every write is given and what it answers, and the checks that all of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from control_plane.api import refusals
from control_plane.api.messages import copy, metadata
from knarr.api.kinds import Kind
from knarr.api.support import check_support
from knarr.errors import BadRequest, Cause
from knarr.proto.kubernetes import meta_v1_pb2 as meta
from knarr.proto.services import object_service_pb2 as wire

# Makes the object to be stored of a copy of the stored one. May be called several times and may raise
# ApiError. A resourceVersion that it sets is a precondition.
Change = Callable[[Message], Message]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Who writes, and whether for real."""

    manager: str = "knarr"
    dry_run: bool = False
    # False for the control plane's own parts: they conflict with nobody over fields, and tracking who owns
    # which costs more than the write itself.
    track: bool = True


@dataclass(slots=True)
class Result:
    """What a write did. `obj` is the last state of an object that is gone."""

    obj: Message
    outcome: "wire.Outcome.ValueType"
    warnings: list[str] = field(default_factory=list)


def supported(kind: Kind, obj: Message, *, refuse: bool) -> tuple[list[Cause], list[str]]:
    """(causes for what Knarr does not honour, warnings for what it may ignore). Unless it is to `refuse`, the
    causes become warnings too."""
    causes, warnings = check_support(kind, obj)
    if refuse:
        return list(causes), list(warnings)
    return [], [*(f"{cause.field}: {cause.message}" for cause in causes), *warnings]


def drop_repeated_owners(obj: Message) -> list[str]:
    """Take out, in place, owner references that are there twice; warnings about them."""
    own = metadata(obj)
    kept: dict[bytes, meta.OwnerReference] = {}  # by what they say
    repeated: list[str] = []
    for owner in own.ownerReferences:
        said = owner.SerializeToString(deterministic=True)
        if said in kept:
            repeated.append(owner.uid)
        else:
            kept[said] = copy(owner)
    if not repeated:
        return []
    del own.ownerReferences[:]
    own.ownerReferences.extend(kept.values())
    return [f".metadata.ownerReferences contains duplicate entries; duplicate UID(s): {', '.join(repeated)}"]


def check_causes(kind: Kind, obj: Message, causes: list[Cause]) -> None:
    """Raises Invalid with all causes, when there are any."""
    if causes:
        raise refusals.invalid(kind, metadata(obj).name, causes)


def set_namespace(kind: Kind, namespace: str, obj: Message) -> None:
    """Fill in the request's namespace where the object has none; raises BadRequest where they differ."""
    if not kind.namespaced:
        return
    own = metadata(obj)
    own.namespace = own.namespace or namespace
    if not own.namespace:
        raise BadRequest("an empty namespace may not be set during creation")
    if own.namespace != namespace:
        raise BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
