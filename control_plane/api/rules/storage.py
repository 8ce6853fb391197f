"""Rules and defaults of PersistentVolumes and StorageClasses.

Source: Kubernetes' pkg/apis/core/validation (ValidatePersistentVolumeSpec) and pkg/apis/storage/validation.
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules.checks import DNS_SUBDOMAIN, NOT_POSITIVE, QUALIFIED_NAME, nanos, one_of
from control_plane.api.rules.claims import ACCESS, VOLUME_MODES
from control_plane.api.rules.engine import Causes, Checker, Table, UpdateRule
from control_plane.api.rules.metadata import GLOBAL_BY_SUBDOMAIN
from control_plane.api.rules.objects import ObjectRules
from control_plane.api.rules.resources import check_amount, check_resource_name, rounding
from control_plane.api.rules.rows import (
    default,
    default_by,
    default_pointer,
    into,
    on_update,
    required,
    rule,
    whole,
)
from control_plane.api.rules.selectors import NODE_SELECTOR
from control_plane.api.rules.volumes import HOST_PATH, NFS, check_driver
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

RECLAIM: Final = ("Delete", "Recycle", "Retain")
_MAX_PARAMETERS: Final = 512
_MAX_PARAMETER_BYTES: Final = 256 * 1024


def _check_capacity(spec: Any, path: str, causes: Causes) -> None:
    if not spec.capacity:
        causes.append(say.required(path))
    elif "storage" not in spec.capacity or len(spec.capacity) > 1:
        causes.append(say.unsupported(path, sorted(spec.capacity), ("storage",)))
    for name, amount in spec.capacity.items():
        here = f"{path}[{name}]"
        check_resource_name(name, here, causes)
        check_amount(name, amount, here, causes)
        if nanos(amount) <= 0:
            causes.append(say.invalid(here, amount, NOT_POSITIVE))


_LOCAL: Final = Table(core.LocalVolumeSource, rules=(required("path"),))
_CSI: Final = Table(
    core.CSIPersistentVolumeSource,
    rules=(
        required("driver"),
        rule("driver", Checker(check_driver, "a DNS subdomain of up to 63 characters"), always=True),
        required("volumeHandle"),
    ),
)
_TABLES: Final = {"hostPath": HOST_PATH, "nfs": NFS, "local": _LOCAL, "csi": _CSI}


def _check_source(spec: Any, path: str, causes: Causes) -> None:
    """One source; its path does not hang below the inlined struct."""
    found = [(field.name, value) for field, value in spec.persistentVolumeSource.ListFields()]
    if not found:
        causes.append(say.required(path, "must specify a volume type"))
        return
    name, value = found[0]
    if name in _TABLES:
        _TABLES[name].check(value, f"{path}.{name}", causes)
    for other, _ in found[1:]:
        causes.append(say.forbidden(f"{path}.{other}", "may not specify more than 1 volume type"))
    if name == "local" and not spec.HasField("nodeAffinity"):
        why = "Local volume requires node affinity"
        causes.append(say.required(f"{path}.nodeAffinity", why))


def _fill_volume(volume: Any) -> None:
    if not volume.status.phase:
        volume.status.phase = "Pending"


PERSISTENT_VOLUME: Final = Table(
    core.PersistentVolume,
    rules=(
        into("metadata", GLOBAL_BY_SUBDOMAIN),
        into(
            "spec",
            Table(
                core.PersistentVolumeSpec,
                rules=(
                    required("accessModes"),
                    rule("accessModes", ACCESS),
                    whole("storage, and nothing else", _check_capacity, at="capacity"),
                    into(
                        "persistentVolumeSource",
                        Table(
                            core.PersistentVolumeSource,
                            rules=tuple(into(name, table, checked=False) for name, table in _TABLES.items()),
                        ),
                    ),
                    whole("exactly one kind of volume", _check_source),
                    rule("persistentVolumeReclaimPolicy", one_of(*RECLAIM)),
                    rule("storageClassName", DNS_SUBDOMAIN),
                    rule("volumeMode", one_of(*VOLUME_MODES)),
                    into(
                        "nodeAffinity",
                        Table(core.VolumeNodeAffinity, rules=(into("required", NODE_SELECTOR),)),
                    ),
                ),
                defaults=(
                    default("persistentVolumeReclaimPolicy", "Retain"),
                    default_pointer("volumeMode", "Filesystem"),
                    rounding("capacity"),
                ),
            ),
        ),
    ),
    defaults=(default_by("status", _fill_volume, "phase Pending"),),
)


def _check_volume_update(new: Any, old: Any, path: str, causes: Causes) -> None:
    if new.spec.persistentVolumeSource != old.spec.persistentVolumeSource:
        why = "spec.persistentvolumesource is immutable after creation"
        causes.append(say.forbidden("spec.persistentvolumesource", why))
    if new.spec.volumeMode != old.spec.volumeMode:
        causes.append(say.invalid("volumeMode", new.spec.volumeMode, say.IMMUTABLE))
    if old.spec.HasField("nodeAffinity") and new.spec.nodeAffinity != old.spec.nodeAffinity:
        causes.append(say.invalid("nodeAffinity", new.spec.nodeAffinity, say.IMMUTABLE))


def _check_provisioner(item: Any, path: str, causes: Causes) -> None:
    if not item.provisioner:
        causes.append(say.required(path))
    else:
        QUALIFIED_NAME.check(item.provisioner.lower(), path, causes)


def _check_parameters(item: Any, path: str, causes: Causes) -> None:
    total = sum(len(key.encode()) + len(value.encode()) for key, value in item.parameters.items())
    if total > _MAX_PARAMETER_BYTES:
        causes.append(say.too_long(path, _MAX_PARAMETER_BYTES))
    if len(item.parameters) > _MAX_PARAMETERS:
        causes.append(say.too_long(path, _MAX_PARAMETERS))
    if "" in item.parameters:
        causes.append(say.invalid(path, "", "field cannot be empty."))


STORAGE_CLASS: Final = Table(
    storage.StorageClass,
    rules=(
        into("metadata", GLOBAL_BY_SUBDOMAIN),
        whole("a qualified name", _check_provisioner, at="provisioner"),
        whole("up to 512 entries, 256 KiB together", _check_parameters, at="parameters"),
        rule("reclaimPolicy", one_of("Delete", "Retain")),
        rule("volumeBindingMode", one_of("Immediate", "WaitForFirstConsumer")),
    ),
    defaults=(
        default_pointer("reclaimPolicy", "Delete"),
        default_pointer("volumeBindingMode", "Immediate"),
    ),
)


def _fixed(field: str) -> UpdateRule:
    def check(new: Any, old: Any, path: str, causes: Causes) -> None:
        if getattr(new, field) != getattr(old, field):
            causes.append(say.forbidden(field, f"updates to {field} are forbidden."))

    return on_update("cannot be changed", check, field)


RULES: Final = (
    ObjectRules(PERSISTENT_VOLUME, update=(on_update("the source stays", _check_volume_update, "spec"),)),
    ObjectRules(
        STORAGE_CLASS,
        update=tuple(map(_fixed, ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"))),
    ),
)
