"""Rules and defaults of projected volumes, and which kinds of volume there are.

Source: Kubernetes' pkg/apis/core/validation (validateProjectionSources, validateVolumeSource).
"""

from typing import Any, Final

from control_plane.api.rules import causes as say
from control_plane.api.rules import volumes
from control_plane.api.rules.checks import DNS_LABEL, FILE_MODE
from control_plane.api.rules.engine import Causes, Table
from control_plane.api.rules.rows import (
    default,
    default_by,
    default_pointer,
    each,
    into,
    required,
    rule,
    whole,
)
from control_plane.api.rules.selectors import LABEL_SELECTOR
from knarr.proto.kubernetes import core_v1_pb2 as core

_MIN_TOKEN_S: Final = 600
_MAX_TOKEN_S: Final = 1 << 32
_NAMED: Final = Table(core.LocalObjectReference, rules=(required("name"),))
_KEYED: Final = (into("localObjectReference", _NAMED), each("items", volumes.KEY_TO_PATH))

_TOKEN: Final = Table(
    core.ServiceAccountTokenProjection,
    defaults=(default_pointer("expirationSeconds", 3600),),
)


def _check_token(token: Any, path: str, at_path: str, causes: Causes) -> None:
    """`at_path`: where a missing path is reported, which is at the volume."""
    here, seconds = f"{path}.expirationSeconds", token.expirationSeconds
    if seconds < _MIN_TOKEN_S:
        causes.append(say.invalid(here, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _MAX_TOKEN_S:
        causes.append(say.invalid(here, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.path:
        causes.append(say.required(at_path))
    else:
        volumes.FILE_PATH.check(token.path, at_path, causes)


SOURCE: Final = Table(
    core.VolumeProjection,
    rules=(
        into("secret", Table(core.SecretProjection, rules=_KEYED)),
        into("configMap", Table(core.ConfigMapProjection, rules=_KEYED)),
        into(
            "downwardAPI",
            Table(
                core.DownwardAPIProjection,
                rules=(each("items", volumes.DOWNWARD_FILE, at="", in_place=True),),
            ),
        ),
        into("serviceAccountToken", _TOKEN),
        into(
            "clusterTrustBundle",
            Table(
                core.ClusterTrustBundleProjection,
                rules=(
                    into("labelSelector", LABEL_SELECTOR),
                    required("path"),
                    rule("path", volumes.FILE_PATH),
                ),
            ),
        ),
    ),
)
_SOURCES: Final = tuple(core.VolumeProjection.DESCRIPTOR.fields_by_name)


def _paths(source: Any) -> list[tuple[str, str]]:
    """(file, what a collision is reported as) of one source."""
    found = [
        (item.path, part.localObjectReference.name)
        for part in (source.secret, source.configMap)
        for item in part.items
    ]
    found += [(item.path, item.path) for item in source.downwardAPI.items]
    if source.HasField("serviceAccountToken"):
        found.append((source.serviceAccountToken.path, source.serviceAccountToken.path))
    return found


def _check_sources(volume: Any, path: str, causes: Causes) -> None:
    taken: set[str] = set()
    for index, source in enumerate(volume.sources):
        here = f"{path}.sources[{index}]"
        if sum(source.HasField(name) for name in _SOURCES) > 1:
            causes.append(say.forbidden(here, "may not specify more than 1 volume type"))
        if source.HasField("serviceAccountToken"):
            token = f"{here}.serviceAccountToken"
            _check_token(source.serviceAccountToken, token, f"{path}.path", causes)
        for file, shown in _paths(source):
            if file and file in taken:
                causes.append(say.invalid(path, shown, "conflicting duplicate paths"))
            taken.add(file)


PROJECTED: Final = Table(
    core.ProjectedVolumeSource,
    rules=(
        rule("defaultMode", FILE_MODE),
        each("sources", SOURCE),
        whole("one source for each item, no file twice", _check_sources),
    ),
    defaults=(default_pointer("defaultMode", 0o644),),
)

_GONE: Final[dict[str, tuple[type[Any], tuple[str, ...]]]] = {
    "gcePersistentDisk": (core.GCEPersistentDiskVolumeSource, ("pdName",)),
    "awsElasticBlockStore": (core.AWSElasticBlockStoreVolumeSource, ("volumeID",)),
    "gitRepo": (core.GitRepoVolumeSource, ("repository",)),
    "glusterfs": (core.GlusterfsVolumeSource, ("endpoints", "path")),
    "flexVolume": (core.FlexVolumeSource, ("driver",)),
    "cinder": (core.CinderVolumeSource, ("volumeID",)),
    "cephfs": (core.CephFSVolumeSource, ("monitors",)),
    "azureFile": (core.AzureFileVolumeSource, ("secretName", "shareName")),
    "vsphereVolume": (core.VsphereVirtualDiskVolumeSource, ("volumePath",)),
    "quobyte": (core.QuobyteVolumeSource, ("registry", "volume")),
    "photonPersistentDisk": (core.PhotonPersistentDiskVolumeSource, ("pdID",)),
    "portworxVolume": (core.PortworxVolumeSource, ("volumeID",)),
    "storageos": (core.StorageOSVolumeSource, ("volumeName",)),
}
_ISCSI: Final = Table(
    core.ISCSIVolumeSource,
    rules=(required("targetPortal"), required("iqn")),
    defaults=(default("iscsiInterface", "default"),),
)
_RBD: Final = Table(
    core.RBDVolumeSource,
    rules=(required("monitors"), required("image")),
    defaults=(default("pool", "rbd"), default("user", "admin"), default("keyring", "/etc/ceph/keyring")),
)
_AZURE_DISK: Final = Table(
    core.AzureDiskVolumeSource,
    rules=(required("diskName"), required("diskURI")),
    defaults=(
        default_pointer("cachingMode", "ReadWrite"),
        default_pointer("kind", "Shared"),
        default_pointer("fsType", "ext4"),
        default_pointer("readOnly", False),
    ),
)
_SCALE_IO: Final = Table(
    core.ScaleIOVolumeSource,
    rules=(required("gateway"), required("system"), required("volumeName")),
    defaults=(default("storageMode", "ThinProvisioned"), default("fsType", "xfs")),
)

# In Kubernetes' order: of two sources the later one is refused.
_TABLES: Final[dict[str, Table]] = {
    "emptyDir": volumes.EMPTY_DIR,
    "hostPath": volumes.HOST_PATH,
    **{
        name: Table(message, rules=tuple(required(field) for field in fields))
        for name, (message, fields) in _GONE.items()
        if name in ("gitRepo", "gcePersistentDisk", "awsElasticBlockStore")
    },
    "secret": volumes.SECRET,
    "nfs": volumes.NFS,
    "iscsi": _ISCSI,
    "rbd": _RBD,
    "persistentVolumeClaim": volumes.CLAIM,
    "downwardAPI": volumes.DOWNWARD,
    "configMap": volumes.CONFIG_MAP,
    "azureDisk": _AZURE_DISK,
    "scaleIO": _SCALE_IO,
    "projected": PROJECTED,
    "csi": volumes.CSI,
    "ephemeral": volumes.EPHEMERAL,
    "image": volumes.IMAGE,
    **{
        name: Table(message, rules=tuple(required(field) for field in fields))
        for name, (message, fields) in _GONE.items()
        if name not in ("gitRepo", "gcePersistentDisk", "awsElasticBlockStore")
    },
}
_ALL: Final = tuple(core.VolumeSource.DESCRIPTOR.fields_by_name)
_ORDER: Final = {name: place for place, name in enumerate((*_TABLES, *(set(_ALL) - set(_TABLES))))}


def _check_one_type(source: Any, path: str, causes: Causes) -> None:
    found = [(field.name, value) for field, value in source.ListFields()]
    if not found:
        causes.append(say.required(path, "must specify a volume type"))
        return
    if len(found) > 1:
        found.sort(key=lambda item: _ORDER[item[0]])
    name, value = found[0]
    table = _TABLES.get(name)
    if table is not None:
        table.check(value, f"{path}.{name}", causes)
    for name, _ in found[1:]:
        causes.append(say.forbidden(f"{path}.{name}", "may not specify more than 1 volume type"))


def _fill_empty_dir(source: Any) -> None:
    if not source.ListFields():
        source.emptyDir.SetInParent()


VOLUME_SOURCE: Final = Table(
    core.VolumeSource,
    rules=(
        *(into(name, table, checked=False) for name, table in _TABLES.items()),
        whole("exactly one kind of volume", _check_one_type),
    ),
    defaults=(default_by("emptyDir", _fill_empty_dir, "{} when there is no other source"),),
)
VOLUME: Final = Table(
    core.Volume,
    rules=(required("name"), rule("name", DNS_LABEL), into("volumeSource", VOLUME_SOURCE)),
)
