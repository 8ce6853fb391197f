"""Tables of volumes, claims and storage classes, as kubectl's."""

from collections.abc import Iterable

from control_plane.api.tables.columns import AGED, NAME, UNSET, WIDE, Column, Columns, age, amount
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage

_CLASS = "volume.beta.kubernetes.io/storage-class"  # an annotation that goes before the field
_DEFAULT = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: Iterable[str]) -> str:
    given = set(modes)
    return ",".join(short for mode, short in _MODES.items() if mode in given)


def _phase(found: core.PersistentVolume | core.PersistentVolumeClaim) -> str:
    return "Terminating" if found.metadata.HasField("deletionTimestamp") else found.status.phase


def _of_class(found: core.PersistentVolume | core.PersistentVolumeClaim) -> str:
    return found.metadata.annotations.get(_CLASS, found.spec.storageClassName)


def _of_spec(spec: core.PersistentVolumeSpec | core.PersistentVolumeClaimSpec) -> tuple[str, str]:
    """The cells of VolumeAttributesClass and VolumeMode."""
    attributes = spec.volumeAttributesClassName if spec.HasField("volumeAttributesClassName") else UNSET
    return attributes, spec.volumeMode if spec.HasField("volumeMode") else UNSET


def _volume(found: core.PersistentVolume) -> list[str]:
    spec = found.spec
    attributes, mode = _of_spec(spec)
    return [
        amount(spec.capacity, "storage"),
        _modes(spec.accessModes),
        spec.persistentVolumeReclaimPolicy,
        _phase(found),
        f"{spec.claimRef.namespace}/{spec.claimRef.name}" if spec.HasField("claimRef") else "",
        _of_class(found),
        attributes,
        found.status.reason,
        age(found.metadata),
        mode,
    ]


def _claim(found: core.PersistentVolumeClaim) -> list[str]:
    volume, status = found.spec.volumeName, found.status
    attributes, mode = _of_spec(found.spec)
    return [
        _phase(found),
        volume,
        amount(status.capacity, "storage") if volume else "",
        _modes(status.accessModes) if volume else "",
        _of_class(found),
        attributes,
        age(found.metadata),
        mode,
    ]


def _class(found: storage.StorageClass) -> list[str]:
    own = found.metadata
    default = any(own.annotations.get(name) == "true" for name in _DEFAULT)
    return [
        f"{own.name} (default)" if default else own.name,
        found.provisioner,
        found.reclaimPolicy or "Delete",
        found.volumeBindingMode or "Immediate",
        "true" if found.allowVolumeExpansion else "false",
        age(own),
    ]


PERSISTENT_VOLUMES = Columns(
    (
        NAME,
        Column("Capacity"),
        Column("Access Modes"),
        Column("Reclaim Policy"),
        Column("Status"),
        Column("Claim"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        Column("Reason"),
        AGED,
        Column("VolumeMode", WIDE),
    ),
    _volume,
)
PERSISTENT_VOLUME_CLAIMS = Columns(
    (
        NAME,
        Column("Status"),
        Column("Volume"),
        Column("Capacity"),
        Column("Access Modes"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        AGED,
        Column("VolumeMode", WIDE),
    ),
    _claim,
)
STORAGE_CLASSES = Columns(
    (
        NAME,
        Column("Provisioner"),
        Column("ReclaimPolicy"),
        Column("VolumeBindingMode"),
        Column("AllowVolumeExpansion"),
        AGED,
    ),
    _class,
    named=False,
)
