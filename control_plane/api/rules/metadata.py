"""Rules of metadata, which every object has. What differs between kinds is the syntax of names.

Source: k8s.io/apimachinery, pkg/api/validation/objectmeta.go, and Kubernetes' pkg/apis/core/validation.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import (
    DNS_LABEL,
    LABELS,
    NON_NEGATIVE,
    QUALIFIED_NAME,
    SEGMENT,
    Errors,
    one_of,
    text,
)
from control_plane.api.rules.engine import WHOLE, Causes, Checker, Rule, Table
from control_plane.api.rules.rows import each, rule, whole
from knarr.api import names
from knarr.proto.kubernetes import meta_v1_pb2 as meta

MAX_ANNOTATIONS_BYTES: Final = 256 * 1024
STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_BANNED_OWNERS: Final = frozenset({("", "v1", "Event")})


def check_annotations(values: Any, path: str, causes: Causes) -> None:
    """Keys are qualified names in any case, the whole is limited."""
    total = 0
    for key, value in values.items():
        QUALIFIED_NAME.check(key.lower(), path, causes)
        total += len(key.encode()) + len(value.encode())
    if total > MAX_ANNOTATIONS_BYTES:
        causes.append(say.too_long(path, MAX_ANNOTATIONS_BYTES))


ANNOTATIONS: Final = Checker(check_annotations, "keys are qualified names; 256 KiB together at the most")


def check_finalizer(name: str, path: str, causes: Causes) -> None:
    """A name without a slash must be one that Kubernetes itself uses."""
    if "/" not in name and name not in STANDARD_FINALIZERS:
        causes.append(
            say.invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")
        )


def _check_finalizers(values: Sequence[str], path: str, causes: Causes) -> None:
    for index, name in enumerate(values):
        QUALIFIED_NAME.check(name, path, causes)
        check_finalizer(name, f"{path}[{index}]", causes)
    if "orphan" in values and "foregroundDeletion" in values:
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        causes.append(say.invalid(path, list(values), why))


FINALIZERS: Final = Checker(_check_finalizers, "qualified names, or orphan or foregroundDeletion, not both")


def _group_version(api_version: str) -> tuple[str, str]:
    """("", "") for one that cannot be read."""
    group, slash, version = api_version.rpartition("/")
    return ("", "") if "/" in group or (slash and not group) else (group, version)


def _check_owners(owners: Sequence[meta.OwnerReference], path: str, causes: Causes) -> None:
    controller = ""
    for owner in owners:
        group, version = _group_version(owner.apiVersion)
        if not version:
            causes.append(say.invalid(f"{path}.apiVersion", owner.apiVersion, "version must not be empty"))
        for name in ("kind", "name", "uid"):
            if not getattr(owner, name):
                causes.append(say.invalid(f"{path}.{name}", "", f"{name} must not be empty"))
        if (group, version, owner.kind) in _BANNED_OWNERS:
            which = f"{group}/{version}, Kind={owner.kind}"
            causes.append(say.invalid(path, owner, f"{which} is disallowed from being an owner"))
        if owner.controller:
            if controller:
                why = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {owner.name}"
                )
                causes.append(say.invalid(path, owner, why))
            controller = controller or owner.name


OWNERS: Final = Checker(
    _check_owners, "apiVersion, kind, name and uid are required; one controller at the most"
)

_MANAGED_FIELDS: Final = Table(
    meta.ManagedFieldsEntry,
    rules=(
        rule("operation", one_of("Apply", "Update"), always=True),
        rule("fieldsType", one_of("FieldsV1")),
    ),
)


def _check_namespaced(message: Any, path: str, causes: Causes) -> None:
    if not message.namespace:
        causes.append(say.required(path))
    else:
        DNS_LABEL.check(message.namespace, path, causes)


def _check_cluster_scoped(message: Any, path: str, causes: Causes) -> None:
    if message.namespace:
        causes.append(say.forbidden(path, "not allowed on this type"))


def _masked(prefix: str) -> str:
    """A prefix as if the generated suffix stood after it: a dash at its end is not at the end of the name."""
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def metadata(errors: Errors, says: str, *, namespaced: bool = True) -> Table:
    """The table of an object's metadata; `errors` says what is wrong with a name of the kind."""
    syntax = text(errors, says)
    prefix = text(lambda value: errors(_masked(value)), f"the beginning of {says}")

    def check_name(message: Any, path: str, causes: Causes) -> None:
        if message.name:
            syntax.check(message.name, path, causes)
        else:
            causes.append(say.required(path, "name or generateName is required"))

    scope = _check_namespaced if namespaced else _check_cluster_scoped
    return Table(
        meta.ObjectMeta,
        rules=(
            rule("generateName", prefix),
            Rule(WHOLE, f"name is required; {says}", check_name, at="name"),
            whole("namespace is required" if namespaced else "has no namespace", scope, at="namespace"),
            rule("generation", NON_NEGATIVE),
            rule("labels", LABELS),
            rule("annotations", ANNOTATIONS),
            rule("ownerReferences", OWNERS),
            rule("finalizers", FINALIZERS),
            each("managedFields", _MANAGED_FIELDS),
        ),
    )


NAMED_BY_SUBDOMAIN: Final = metadata(names.dns_subdomain_errors, "a DNS subdomain")
GLOBAL_BY_SUBDOMAIN: Final = metadata(names.dns_subdomain_errors, "a DNS subdomain", namespaced=False)
GLOBAL_BY_LABEL: Final = metadata(names.dns_label_errors, "a DNS label", namespaced=False)


def _check_unchanged(new: Any, old: Any, path: str, causes: Causes) -> None:
    """Fields that no update may change. Leaving out what the server itself writes is not a change."""
    for name in ("name", "namespace"):
        if getattr(new, name) != getattr(old, name):
            causes.append(say.invalid(f"{path}.{name}", getattr(new, name), say.IMMUTABLE))
    if new.uid and new.uid != old.uid:
        causes.append(say.invalid(f"{path}.uid", new.uid, say.IMMUTABLE))
    for name in ("creationTimestamp", "deletionTimestamp"):
        if new.HasField(name) and getattr(new, name) != getattr(old, name):
            causes.append(say.invalid(f"{path}.{name}", getattr(new, name), say.IMMUTABLE))
    if new.HasField("deletionGracePeriodSeconds") and (
        not old.HasField("deletionGracePeriodSeconds")
        or new.deletionGracePeriodSeconds != old.deletionGracePeriodSeconds
    ):
        why = "field is immutable; may only be changed via deletion"
        causes.append(say.invalid(f"{path}.deletionGracePeriodSeconds", new.deletionGracePeriodSeconds, why))


def _check_finalizers_of_deleted(new: Any, old: Any, path: str, causes: Causes) -> None:
    if not old.HasField("deletionTimestamp"):
        return
    added = sorted(set(new.finalizers) - set(old.finalizers))
    if added:
        found = "[]string{" + ", ".join(map(json.dumps, added)) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {found}"
        causes.append(say.forbidden(f"{path}.finalizers", why))


def check_metadata_update(new: meta.ObjectMeta, old: meta.ObjectMeta, path: str, causes: Causes) -> None:
    """What may not change between two versions of any object's metadata."""
    if not new.resourceVersion:
        causes.append(say.invalid(f"{path}.resourceVersion", "", "must be specified for an update"))
    if new.generation and new.generation < old.generation:
        causes.append(say.invalid(f"{path}.generation", new.generation, "must not be decremented"))
    _check_unchanged(new, old, path, causes)
    _check_finalizers_of_deleted(new, old, path, causes)
    SEGMENT.check(new.name, f"{path}.name", causes)
