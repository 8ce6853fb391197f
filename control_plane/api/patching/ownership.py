"""Who owns a field after a write that is no apply: create, update, patch and their subresources.

On the path of every write, so what has not changed is not walked, and sets of fields come from a cache. Pure
apart from the message it is told to write to.
"""

from dataclasses import replace
from typing import Any, Final, cast

from google.protobuf.message import Message

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
    metadata = _metadata(new)
    if managers.is_reset(metadata.managedFields):
        del metadata.managedFields[:]
        return
    stored = _metadata(old).managedFields if old is not None else ()
    source = _readable(metadata, stored, ignore_new=bool(subresource))
    if not source and old is not None:
        del metadata.managedFields[:]
        return
    change = compare(kind.message() if old is None else old, new)
    identity = managers.updater(manager, kind.api_version, subresource)
    after = after_update(source, ownable(change, reset_fields(kind, subresource)), identity, int(now))
    if after != source or len(metadata.managedFields) != len(after):
        managers.write(after, metadata)


def carry_over(old: Message, new: Message) -> None:
    """Leave all ownership as it was: for writes of the system that own nothing, whatever they change."""
    metadata, stored = _metadata(new), _metadata(old)
    del metadata.managedFields[:]
    metadata.managedFields.extend(stored.managedFields)


def after_update(source: Managers, change: Change, identity: Identity, now: int) -> Managers:
    """The owners after `identity` made `change`: it owns what it changed, and nobody owns what went."""
    after = released(source, field_sets.union(change.changed, change.removed), identity)
    mine = source.get(identity)
    if mine is not None:
        rest = field_sets.difference(mine.fields, change.removed)
        after[identity] = mine if rest is mine.fields else replace(mine, fields=rest)
    if change.changed:
        fields = change.changed if mine is None else field_sets.union(after[identity].fields, change.changed)
        after[identity] = Owned(fields, identity.version, now)
    elif mine is not None and not after[identity].fields:
        del after[identity]
    return after


def released(owners: Managers, taken: FieldSet, keeper: Identity) -> dict[Identity, Owned]:
    """The owners but `keeper`, without the fields `taken`; who has nothing left is gone."""
    after: dict[Identity, Owned] = {}
    for name, owned in owners.items():
        if name == keeper:
            continue
        rest = field_sets.difference(owned.fields, taken)
        if rest:
            after[name] = owned if rest is owned.fields else replace(owned, fields=rest)
    return after


def ownable(change: Change, reset: FieldSet = EMPTY) -> Change:
    """The change without what nobody owns and without the fields that a subresource resets."""
    changed = field_sets.difference(change.changed, UNOWNED)
    removed = field_sets.difference(change.removed, UNOWNED)
    if not reset:
        return Change(changed, removed)
    return Change(field_sets.difference_below(changed, reset), field_sets.difference_below(removed, reset))


def _readable(metadata: meta.ObjectMeta, stored: Any, *, ignore_new: bool) -> dict[Identity, Owned]:
    """What the client sent back, or what is stored where it sent nothing readable."""
    if metadata.managedFields and not ignore_new:
        try:
            return managers.read(metadata.managedFields)
        except FieldSetError:
            pass
    return stored_managers(stored)


def stored_managers(stored: Any) -> dict[Identity, Owned]:
    """The owners that an object was stored with; none where they cannot be read."""
    try:
        return managers.read(stored)
    except FieldSetError:
        return {}


def _metadata(message: Message) -> meta.ObjectMeta:
    return cast("meta.ObjectMeta", cast(Any, message).metadata)
