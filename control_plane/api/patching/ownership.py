"""Who owns a field after a write that is no apply: create, update, patch and their subresources.

On the path of every write, so what has not changed is not walked, and sets of fields come from a cache. Pure
apart from the message it is told to write to.
"""

from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api import messages
from control_plane.api.patching import field_sets, managers
from control_plane.api.patching.compare import Change, compare
from control_plane.api.patching.field_sets import EMPTY, FieldSet, FieldSetError
from control_plane.api.patching.managers import Identity, Managers, Owned
from knarr.api.kinds import Kind
from knarr.proto.kubernetes import meta_v1_pb2 as meta

_UNOWNED_METADATA: Final = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
# What nobody can own: it names the object, or the server writes it.
UNOWNED: Final[FieldSet] = {
    "f:apiVersion": EMPTY,
    "f:kind": EMPTY,
    "f:metadata": {field_sets.SELF: EMPTY, **{f"f:{name}": EMPTY for name in _UNOWNED_METADATA}},
}
_STATUS: Final[FieldSet] = {"f:status": EMPTY}
_ALL_BUT_STATUS: Final[FieldSet] = {"f:spec": EMPTY}
_WITH_LABELS: Final[FieldSet] = {**_ALL_BUT_STATUS, "f:metadata": {"f:labels": EMPTY}}
# More that a write to /status cannot change, by kind, as the kinds' strategies in Kubernetes say.
_STATUS_EXTRA: Final[dict[str, FieldSet]] = {
    "Deployment": _WITH_LABELS,
    "Pod": {
        **_ALL_BUT_STATUS,
        "f:metadata": {"f:deletionTimestamp": EMPTY, "f:ownerReferences": EMPTY},
    },
}


def reset_fields(kind: Kind, subresource: str) -> FieldSet:
    """What a write through `subresource` ("" for the object itself) cannot change and so never owns."""
    if subresource == "status":
        return _STATUS_EXTRA.get(kind.name, _ALL_BUT_STATUS)
    return _STATUS if not subresource and "status" in kind.subresources else EMPTY


def track_update(
    old: Message | None, new: Message, kind: Kind, *, manager: str, now: float, subresource: str = ""
) -> None:
    """Set new.metadata.managedFields for a write by `manager`; `old` is None for a create.

    Call it after the fields that the write may not touch have been restored and before the object is stored.
    `now` is in seconds since 1970. An object that was stored without managedFields stays without: that is how
    a writer opts out for objects of its own (a first apply then gives all of it to "before-first-apply"). One
    empty entry in `new` (`managedFields: [{}]`) forgets all owners, as in Kubernetes.
    """
    if old == new:
        return
    metadata = messages.metadata(new)
    if managers.is_reset(metadata.managedFields):
        del metadata.managedFields[:]
        return
    sent = None if subresource else _readable(metadata)
    source = sent or (stored_managers(messages.metadata(old).managedFields) if old is not None else {})
    if not source and old is not None:
        del metadata.managedFields[:]
        return
    change = compare(kind.message() if old is None else old, new)
    identity = managers.updater(manager, kind.api_version, subresource)
    after = after_update(source, ownable(change, reset_fields(kind, subresource)), identity, int(now))
    if after != source:
        managers.write(after, metadata)
    elif not sent and old is not None:
        carry_over(old, new)


def carry_over(old: Message, new: Message) -> None:
    """Leave all ownership as it was: for writes of the system that own nothing, whatever they change."""
    metadata = messages.metadata(new)
    del metadata.managedFields[:]
    metadata.managedFields.extend(messages.metadata(old).managedFields)


def after_update(source: Managers, change: Change, identity: Identity, now: int) -> Managers:
    """The owners after `identity` made `change`: it owns what it changed, and nobody owns what went."""
    after = released(source, field_sets.union(change.changed, change.removed), identity)
    mine = source.get(identity) or Owned(EMPTY, identity.version, now)
    fields = field_sets.union(field_sets.difference(mine.fields, change.removed), change.changed)
    if fields:
        mine = mine.with_fields(fields)
        after[identity] = mine.at(now) if change.changed else mine
    return after


def released(owners: Managers, taken: FieldSet, keeper: Identity) -> dict[Identity, Owned]:
    """The owners but `keeper`, without the fields `taken`; who has nothing left is gone."""
    after: dict[Identity, Owned] = {}
    for name, owned in owners.items():
        if name == keeper:
            continue
        rest = field_sets.difference(owned.fields, taken)
        if rest:
            after[name] = owned.with_fields(rest)
    return after


def ownable(change: Change, reset: FieldSet = EMPTY) -> Change:
    """The change without what nobody owns and without the fields that a subresource resets."""
    changed = field_sets.difference(change.changed, UNOWNED)
    removed = field_sets.difference(change.removed, UNOWNED)
    if not reset:
        return Change(changed, removed)
    return Change(field_sets.difference_below(changed, reset), field_sets.difference_below(removed, reset))


def _readable(metadata: meta.ObjectMeta) -> dict[Identity, Owned] | None:
    """The owners that a client sent back; None where it sent none or they cannot be read."""
    try:
        return managers.read(metadata.managedFields)
    except FieldSetError:
        return None


def stored_managers(stored: Any) -> dict[Identity, Owned]:
    """The owners that an object was stored with; none where they cannot be read."""
    try:
        return managers.read(stored)
    except FieldSetError:
        return {}
