"""Server-side apply: one document of an applier merged into an object, with the ownership of its fields.

Follows Kubernetes' "Server-Side Apply" page and the field manager of its API server: an applier owns what its
document says, takes away what it said before and no longer says (unless somebody else owns it too), and is
refused where it would change what another manager owns, unless it forces. Pure.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from control_plane.api import messages
from control_plane.api.patching import field_sets, managers, typed
from control_plane.api.patching.compare import compare
from control_plane.api.patching.documents import require_object
from control_plane.api.patching.field_sets import EMPTY, FieldSet
from control_plane.api.patching.managers import Identity, Managers, Owned
from control_plane.api.patching.ownership import UNOWNED, ownable, released, reset_fields, stored_managers
from control_plane.api.patching.schema import Type, object_type
from knarr.api import codec
from knarr.api.kinds import Kind
from knarr.errors import BadRequest, Cause, Conflict, Invalid

CLIENT_SIDE: Final = "kubectl-client-side-apply"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
MAX_MANAGER_LENGTH: Final = 128  # characters
# Knarr's own client. The server moves ownership from client-side apply to it; kubectl moves its own, by a
# patch that it sends ahead.
KNARR: Final = "knarr"


def apply(
    live: Message | None,
    applied: Mapping[str, Any],
    kind: Kind,
    *,
    manager: str,
    force: bool,
    now: float,
    subresource: str = "",
) -> Message:
    """The object after `manager` applied a document to `live` (None: there is no such object yet).

    The result has managedFields set and is neither defaulted nor validated; what the server defaults later
    belongs to nobody. `applied` is the JSON of the document with apiVersion and kind; `now` is in seconds
    since 1970. When nothing changes the result equals `live`. Raises BadRequest for a document that does not
    fit the kind, Invalid for a manager's name, Conflict with a cause for each field that somebody else owns.
    """
    require_manager(manager)
    document = _checked(applied, kind)
    root = object_type(kind.message.DESCRIPTOR)
    run = _Apply(
        kind=kind,
        type=root,
        live=kind.message() if live is None else live,
        document=typed.remove(document, reset_fields(kind, subresource), root) or {},
        owners=_owners(live, kind, manager, int(now)),
        identity=managers.applier(manager, subresource),
        now=int(now),
    )
    return run.result(force)


def require_manager(manager: str) -> None:
    """Raises Invalid unless `manager` may name an applier."""
    if not manager:
        raise _invalid_manager("FieldValueRequired", "Required value: is required for apply patch")
    if len(manager) > MAX_MANAGER_LENGTH:
        raise _invalid_manager(
            "FieldValueTooLong", f"Too long: may not be more than {MAX_MANAGER_LENGTH} bytes"
        )
    for place, char in enumerate(manager):
        if not char.isprintable():
            shown = json.dumps(manager)
            raise _invalid_manager(
                "FieldValueInvalid",
                f"Invalid value: {shown}: invalid character U+{ord(char):04X} (at position {place})",
            )


def _invalid_manager(reason: str, message: str) -> Invalid:
    return Invalid(
        f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {message}',
        causes=[Cause("fieldManager", reason, message)],
    )


def _checked(applied: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    """The document, if it is one of this kind that apply can take."""
    document = require_object(applied, "the applied document")
    version = document.get("apiVersion", "")
    if version != kind.api_version:
        raise BadRequest(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {version}, expected: {kind.api_version}"
        )
    if document.get("kind") != kind.name:
        raise BadRequest(f"the applied document is of kind {document.get('kind')!r}, expected {kind.name}")
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    where = f"failed to create typed patch object ({name}; {kind.api_version}, Kind={kind.name})"
    try:
        codec.from_dict(document, kind.message)
    except codec.DecodeError as error:
        causes = [Cause(problem.path, "FieldValueInvalid", problem.reason) for problem in error.problems]
        raise BadRequest(f"{where}: " + "; ".join(map(str, error.problems)), causes=causes) from error
    problems = typed.element_problems(document, object_type(kind.message.DESCRIPTOR))
    if problems:
        raise BadRequest(f"{where}: " + "; ".join(problems))
    return {key: value for key, value in document.items() if key not in ("apiVersion", "kind")}


def _owners(live: Message | None, kind: Kind, manager: str, now: int) -> Managers:
    """Who owns what before the apply."""
    if live is None:
        return {}
    metadata = messages.metadata(live)
    owners = {
        name: owned
        for name, owned in stored_managers(metadata.managedFields).items()
        if owned.version == kind.api_version or name.subresource == "scale"
    }
    if not owners:
        # Nobody tracked this object until now: what it has belongs to whoever wrote it.
        change = compare(kind.message(), live)
        fields = field_sets.difference(change.changed, UNOWNED)
        return {
            managers.updater(managers.BEFORE_FIRST_APPLY, kind.api_version): Owned(
                fields, kind.api_version, now
            )
        }
    if manager == KNARR and LAST_APPLIED in metadata.annotations:
        return _adopted(owners, managers.applier(manager))
    return owners


def _adopted(owners: Managers, successor: Identity) -> Managers:
    """Client-side apply's fields moved to the applier that takes over: it may take them away again."""
    after = {name: owned for name, owned in owners.items() if name.manager != CLIENT_SIDE}
    for name, owned in owners.items():
        if name.manager == CLIENT_SIDE and name.operation == managers.UPDATE:
            mine = after.get(successor)
            fields = owned.fields if mine is None else field_sets.union(mine.fields, owned.fields)
            after[successor] = Owned(fields, owned.version, owned.time)
    return after


@dataclass(frozen=True, slots=True)
class _Apply:
    """One apply, after its input has been checked."""

    kind: Kind
    type: Type
    live: Message
    document: dict[str, Any]  # without apiVersion and kind
    owners: Managers
    identity: Identity
    now: int

    def result(self, force: bool) -> Message:
        mine = field_sets.difference(typed.fields_of(self.document, self.type), UNOWNED)
        before = self.owners.get(self.identity)
        owners = {**self.owners, self.identity: Owned(mine, self.kind.api_version, self.now)}
        stored = codec.to_dict(self.live)
        stored.get("metadata", {}).pop("managedFields", None)
        merged = typed.merge(stored, self.document, self.type)
        if before is not None and field_sets.difference(before.fields, mine):
            # It no longer says all that it said.
            merged = self._pruned(merged, before.fields, owners)
        result = codec.from_dict(merged or {}, self.kind.message)
        change = ownable(compare(self.live, result))
        # Zero and absent are one in a stored object: who says zero says something new, as in Kubernetes.
        zeros = typed.zeros_of(self.document, self.type)
        if zeros:
            shown = typed.fields_of(codec.to_dict(result), self.type)
            zeros = field_sets.difference(zeros, shown)
        said = field_sets.union(change.changed, zeros)
        if not force:
            self._refuse_conflicts(said)
        if self.identity.manager == "kubectl":
            self._note_last_applied(result)
        after = released(owners, field_sets.union(said, change.removed), self.identity)
        idle = not change.changed and not change.removed and before is not None and before.fields == mine
        after[self.identity] = before if before is not None and idle else owners[self.identity]
        self._write_owners(after, result)
        return result

    def _pruned(self, merged: Any, previous: FieldSet, owners: Managers) -> Any:
        """`merged` without what the applier said before, no longer says, and nobody else owns."""
        kind = self.type
        previous = typed.with_named_fields(previous, kind)
        managed = UNOWNED  # what names the object stays
        for owned in owners.values():
            managed = field_sets.union(managed, owned.fields)
        present = typed.with_named_fields(typed.fields_of(merged, kind), kind)
        pruned = typed.remove(merged, previous, kind)
        wanted = field_sets.union(
            typed.with_named_fields(typed.fields_of(pruned, kind), kind),
            typed.with_named_fields(managed, kind),
        )
        # Parts of what goes may be owned by others: only what is not wanted goes, with what it leaves empty.
        pruned = typed.remove(merged, field_sets.difference(present, wanted), kind)
        left = typed.with_named_fields(typed.fields_of(pruned, kind), kind)
        gone = field_sets.intersection(field_sets.difference(present, left), previous)
        return typed.remove(merged, gone, kind)

    def _refuse_conflicts(self, changed: FieldSet) -> None:
        allowed = self._last_applied_fields() if self.identity.manager == "kubectl" else EMPTY
        found = []
        for name, owned in sorted(self.owners.items()):
            if name == self.identity:
                continue
            fields = field_sets.difference(field_sets.intersection(owned.fields, changed), allowed)
            if fields:
                found.append((name, list(field_sets.paths(fields))))
        if found:
            raise _conflict(found)

    def _last_applied_fields(self) -> FieldSet:
        """What kubectl's client-side apply said last and what still is so: kubectl may take it over."""
        text = messages.metadata(self.live).annotations.get(LAST_APPLIED, "")
        try:
            document = json.loads(text) if text else {}
            said = codec.decode(document, self.kind.message).message
        except (ValueError, RecursionError):
            return EMPTY
        change = compare(said, self.live)
        fields = typed.fields_of(codec.to_dict(said), self.type)
        return field_sets.difference(field_sets.difference(fields, change.changed), change.removed)

    def _note_last_applied(self, result: Message) -> None:
        """Keep the annotation true where client-side apply left one, so that a user can go back to it."""
        annotations = messages.metadata(result).annotations
        if LAST_APPLIED in messages.metadata(self.live).annotations:
            document = {"apiVersion": self.kind.api_version, "kind": self.kind.name, **self.document}
            annotations[LAST_APPLIED] = json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"

    def _write_owners(self, after: Managers, result: Message) -> None:
        stored = messages.metadata(self.live).managedFields
        if after == stored_managers(stored):
            messages.metadata(result).managedFields.extend(stored)
        else:
            managers.write(after, messages.metadata(result))


def _conflict(found: list[tuple[Identity, list[str]]]) -> Conflict:
    causes = [
        Cause(path, "FieldManagerConflict", f"conflict with {name}")
        for name, paths in found
        for path in paths
    ]
    if len(causes) == 1:
        detail = f"1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        parts = "\n".join(
            f"conflicts with {name}:\n" + "\n".join(f"- {path}" for path in paths) for name, paths in found
        )
        detail = f"{len(causes)} conflicts: {parts}"
    return Conflict(f"Apply failed with {detail}", causes=causes)
