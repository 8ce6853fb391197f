"""Rules and defaults of PersistentVolumeClaims, alone and as templates.

Source: Kubernetes' pkg/apis/core/validation (ValidatePersistentVolumeClaimSpec) and core/v1/defaults.go.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN, LABELS, NOT_POSITIVE, nanos, one_of
from control_plane.api.rules.engine import Causes, Checker, Table
from control_plane.api.rules.metadata import ANNOTATIONS, NAMED_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.resources import check_amount, rounding
from control_plane.api.rules.rows import default_by, default_pointer, into, on_update, required, rule, whole
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
_SOURCES: Final = (("", "PersistentVolumeClaim"), ("snapshot.storage.k8s.io", "VolumeSnapshot"))


def check_access_modes(values: Any, path: str, causes: Causes) -> None:
    """Known modes; ReadWriteOncePod only alone."""
    for value in values:
        if value not in ACCESS_MODES:
            causes.append(say.unsupported(path, value, ACCESS_MODES))
    if "ReadWriteOncePod" in values and len(values) > 1:
        why = "may not use ReadWriteOncePod with other access modes"
        causes.append(say.forbidden(path, why))


ACCESS: Final = Checker(check_access_modes, "each one of " + ", ".join(ACCESS_MODES))


def _check_storage(claim: Any, path: str, causes: Causes) -> None:
    requests = claim.resources.requests
    if "storage" not in requests:
        causes.append(say.required(f"{path}[storage]"))
        return
    amount = requests["storage"]
    check_amount("storage", amount, f"{path}[storage]", causes)
    if nanos(amount) <= 0:
        causes.append(say.invalid(f"{path}[storage]", amount, NOT_POSITIVE))


def _check_class_name(name: str, path: str, causes: Causes) -> None:
    if name:
        DNS_SUBDOMAIN.check(name, path, causes)


def _drop_other_sources(spec: Any) -> None:
    """Kubernetes fills volumes from claims and snapshots and silently drops every other dataSource."""
    source = spec.dataSource
    if spec.HasField("dataSource") and (source.apiGroup, source.kind) not in _SOURCES:
        spec.ClearField("dataSource")


DATA_SOURCE: Final = Table(
    core.TypedLocalObjectReference,
    rules=(
        required("name"),
        required("kind"),
    ),
)

CLAIM_SPEC: Final = Table(
    core.PersistentVolumeClaimSpec,
    rules=(
        required("accessModes", why="at least 1 access mode is required"),
        rule("accessModes", ACCESS),
        into("selector", LABEL_SELECTOR),
        whole("resources.requests.storage is required and positive", _check_storage, at="resources"),
        rule("storageClassName", Checker(_check_class_name, "a DNS subdomain")),
        rule("volumeMode", one_of(*VOLUME_MODES)),
        into("dataSource", DATA_SOURCE),
        into(
            "resources",
            Table(core.VolumeResourceRequirements, defaults=(rounding("limits"), rounding("requests"))),
        ),
    ),
    defaults=(
        default_pointer("volumeMode", "Filesystem"),
        default_by("dataSource", _drop_other_sources, "dropped unless it is a claim or a snapshot"),
    ),
)

CLAIM_TEMPLATE: Final = Table(
    core.PersistentVolumeClaimTemplate,
    rules=(
        into(
            "metadata",
            Table(meta.ObjectMeta, rules=(rule("labels", LABELS), rule("annotations", ANNOTATIONS))),
        ),
        into("spec", CLAIM_SPEC),
    ),
)


def _fill_phase(claim: Any) -> None:
    if not claim.status.phase:
        claim.status.phase = "Pending"


_PHASE: Final = default_by("status", _fill_phase, "phase Pending")
# Without rules of metadata: as a StatefulSet's template it has none but a name.
CLAIM_BODY: Final = Table(core.PersistentVolumeClaim, rules=(into("spec", CLAIM_SPEC),), defaults=(_PHASE,))
CLAIM: Final = Table(
    core.PersistentVolumeClaim,
    rules=(into("metadata", NAMED_BY_SUBDOMAIN), into("spec", CLAIM_SPEC)),
    defaults=(_PHASE,),
)

_FIXED: Final = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)


def _check_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    """A bound claim may grow; an unbound one may be bound; nothing else changes."""
    spec = core.PersistentVolumeClaimSpec()
    spec.CopyFrom(new.spec)
    if not old.spec.volumeName:
        spec.volumeName = ""
    if new.status.phase == "Bound":
        if spec.resources.requests and "storage" in old.spec.resources.requests:
            spec.resources.requests["storage"].CopyFrom(old.spec.resources.requests["storage"])
        spec.ClearField("volumeAttributesClassName")
        if old.spec.HasField("volumeAttributesClassName"):
            spec.volumeAttributesClassName = old.spec.volumeAttributesClassName
    if spec != old.spec:
        causes.append(say.forbidden("spec", _FIXED))
    if _storage(new) < _storage(old):
        why = "field can not be less than status.capacity"
        causes.append(say.forbidden("spec.resources.requests.storage", why))


def _storage(claim: Any) -> int:
    requests = claim.spec.resources.requests
    return nanos(requests["storage"]) if "storage" in requests else 0


RULES: Final = (
    ObjectRules(
        CLAIM, update=(on_update("only a bound claim's requested storage may grow", _check_update, "spec"),)
    ),
)
