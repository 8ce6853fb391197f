"""THE table of Kubernetes' fields that Knarr does not honour. docs/supported-fields.md is written from it.

A field that people can write into a served kind stands here or in knarr.api.support_honoured; a test walks
the schema and holds both to that, so that a new field or kind cannot be accepted in silence. A field is named
by its message's package and type. To honour one, move it from here to there.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Verdict(Enum):
    REFUSED = "refused"
    IGNORED = "ignored"  # accepted, with a warning


@dataclass(frozen=True, slots=True)
class Row:
    """One field that Knarr does not honour, and why."""

    field: str  # "core.PodSpec.hostPID"
    verdict: Verdict
    reason: str  # a sentence's end: "is not supported: …", "is ignored: …"
    harmless: tuple[str | bool | int, ...] = ()  # values that mean what happens anyway, defaults among them


def _refused(field: str, reason: str, *harmless: str | bool | int) -> Row:
    return Row(field, Verdict.REFUSED, reason, harmless)


def _ignored(field: str, reason: str, *harmless: str | bool | int) -> Row:
    return Row(field, Verdict.IGNORED, reason, harmless)


_NO_SELINUX: Final = "containers run without SELinux labels"
_NO_WINDOWS: Final = "nodes run Linux"
_NO_OWNER: Final = "files of volumes belong to the agent's user"
_NO_DRIVER: Final = "there is no driver for this kind of volume"
_NOTHING_MADE: Final = "nothing makes volumes"
_NO_TOKENS: Final = "pods get no tokens for the API"
_NO_RESIZE: Final = "containers keep the resources they started with"

_POD: Final = (
    _refused("core.PodSpec.ephemeralContainers", "containers are not added to a pod that runs"),
    _refused("core.PodSpec.hostIPC", "pods have IPC of their own", False),
    _refused("core.PodSpec.hostPID", "pods do not see the node's processes", False),
    _refused("core.PodSpec.hostUsers", "user namespaces are set for the whole engine", True),
    _refused("core.PodSpec.hostnameOverride", "use hostname"),
    _refused("core.PodSpec.resourceClaims", "devices are not claimed"),
    _refused("core.PodSpec.resources", "resources are those of the pod's containers"),
    _refused("core.PodSpec.runtimeClassName", "each node has one runtime"),
    _refused("core.PodOS.name", _NO_WINDOWS, "linux"),
    _ignored("core.PodSpec.automountServiceAccountToken", _NO_TOKENS, False),
    _ignored(
        "core.PodSpec.dnsPolicy",
        "pods use the node's resolver, or dnsConfig",
        "ClusterFirst",
        "Default",
        "None",
    ),
    # The default is true, so that nobody can be told that it was asked for.
    _ignored("core.PodSpec.enableServiceLinks", "no variables are made from Services", True, False),
    _ignored("core.PodSpec.evictionResponders", "evictions ask nobody"),
    _ignored("core.PodSpec.imagePullSecrets", "images are pulled with the engine's own credentials"),
    _ignored("core.PodSpec.serviceAccount", _NO_TOKENS, "default"),
    _ignored("core.PodSpec.serviceAccountName", _NO_TOKENS, "default"),
    _ignored("core.PodSpec.setHostnameAsFQDN", "pods have no domain", False),
    _ignored("core.PodSpec.subdomain", "pods have no DNS records"),
    _refused("core.PodSecurityContext.seLinuxOptions", _NO_SELINUX),
    _refused("core.PodSecurityContext.supplementalGroupsPolicy", "groups of the image are kept", "Merge"),
    _refused("core.PodSecurityContext.windowsOptions", _NO_WINDOWS),
    _ignored("core.PodSecurityContext.fsGroupChangePolicy", "groups of volumes are always set", "Always"),
    _ignored("core.PodSecurityContext.seLinuxChangePolicy", _NO_SELINUX),
)
_CONTAINER: Final = (
    _refused("core.Container.restartPolicy", "only init containers have one, Always", "Always"),
    _refused("core.Container.restartPolicyRules", "the pod's restartPolicy decides"),
    _refused("core.Container.volumeDevices", "volumes are directories and files"),
    _ignored("core.Container.resizePolicy", _NO_RESIZE),
    _ignored("core.Container.stdinOnce", "stdin stays open", False),
    _ignored(
        "core.Container.terminationMessagePath", "what is written there is not read", "/dev/termination-log"
    ),
    _ignored("core.Container.terminationMessagePolicy", "logs are not copied into the status", "File"),
    _refused("core.EnvVarSource.fileKeyRef", "variables come from ConfigMaps, Secrets and the pod"),
    _refused("core.Lifecycle.postStart", "no command is run when a container has started"),
    _refused("core.Lifecycle.preStop", "containers are stopped by their stop signal alone"),
    _refused("core.ProbeHandler.grpc", "use exec, httpGet or tcpSocket"),
    _refused("core.HTTPGetAction.protocol", "probes speak HTTP/1.1"),
    _refused("core.ResourceRequirements.claims", "devices are not claimed"),
    _refused("core.SecurityContext.procMount", "/proc is masked as the engine does it", "Default"),
    _refused("core.SecurityContext.seLinuxOptions", _NO_SELINUX),
    _refused("core.SecurityContext.windowsOptions", _NO_WINDOWS),
    _refused("core.AppArmorProfile.type", "the engine's default profile is used", "RuntimeDefault"),
    _refused("core.SeccompProfile.type", "the engine's default profile is used", "RuntimeDefault"),
    _refused("core.AppArmorProfile.localhostProfile", "the engine's default profile is used"),
    _refused("core.SeccompProfile.localhostProfile", "the engine's default profile is used"),
    _refused("core.VolumeMount.bindMountOptions", "use readOnly and mountPropagation"),
    _refused("core.VolumeMount.recursiveReadOnly", "mounts below a mount stay writable", "Disabled"),
)
_VOLUME_SOURCES: Final = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "iscsi",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
)
_VOLUME: Final = (
    *(_refused(f"core.VolumeSource.{name}", _NO_DRIVER) for name in _VOLUME_SOURCES),
    _refused("core.VolumeSource.ephemeral", "nothing makes volumes; use a PersistentVolumeClaim"),
    _refused("core.VolumeSource.gitRepo", "use an init container that clones"),
    _refused("core.VolumeSource.image", "images are not mounted"),
    _refused("core.EmptyDirVolumeSource.medium", "it is a directory or memory", "", "Memory"),
    _refused("core.EmptyDirVolumeSource.mode", "everyone may write to it"),
    _ignored("core.EmptyDirVolumeSource.sizeLimit", "nothing measures it"),
    _refused("core.ConfigMapVolumeSource.defaultUser", _NO_OWNER),
    _refused("core.DownwardAPIVolumeFile.user", _NO_OWNER),
    _refused("core.DownwardAPIVolumeSource.defaultUser", _NO_OWNER),
    _refused("core.KeyToPath.user", _NO_OWNER),
    _refused("core.ProjectedVolumeSource.defaultUser", _NO_OWNER),
    _refused("core.SecretVolumeSource.defaultUser", _NO_OWNER),
    _refused("core.VolumeProjection.clusterTrustBundle", "there are no trust bundles"),
    _refused("core.VolumeProjection.podCertificate", "pods get no certificates"),
    _refused("core.VolumeProjection.serviceAccountToken", _NO_TOKENS),
)
_OTHER: Final = (
    _ignored("core.Service.spec", "Services are stored, but nothing answers at their addresses yet"),
    _ignored("core.NodeSpec.configSource", "agents are configured on their nodes"),
    _ignored("core.NodeSpec.podPreemptionPolicy", _NO_RESIZE),
)
_GROUPS: Final = (
    _refused("scheduling.v1alpha3.DisruptionMode.all", "pods of a group are evicted one by one"),
    _refused("scheduling.v1alpha3.PodGroupSpec.resourceClaims", "devices are not claimed"),
    _refused(
        "scheduling.v1alpha3.PodGroupSpec.schedulingConstraints",
        "use podAffinity or topologySpreadConstraints of the pods",
    ),
    _ignored("scheduling.v1alpha3.PodGroupSpec.priority", "pods have priorities of their own"),
    _ignored("scheduling.v1alpha3.PodGroupSpec.priorityClassName", "pods have priority classes of their own"),
)

_STORAGE: Final = (
    *(_refused(f"core.PersistentVolumeSource.{name}", _NO_DRIVER) for name in _VOLUME_SOURCES),
    _refused("core.PersistentVolumeSpec.mountOptions", "volumes are directories that are there already"),
    _refused("core.PersistentVolumeSpec.volumeAttributesClassName", _NO_DRIVER),
    _ignored("core.LocalVolumeSource.fsType", "volumes are directories that are there already"),
    _refused("core.PersistentVolumeClaimSpec.dataSource", _NOTHING_MADE),
    _refused("core.PersistentVolumeClaimSpec.dataSourceRef", _NOTHING_MADE),
    _refused("core.PersistentVolumeClaimSpec.volumeAttributesClassName", _NOTHING_MADE),
    _ignored("storage.StorageClass.allowVolumeExpansion", _NOTHING_MADE, False),
    _ignored("storage.StorageClass.allowedTopologies", _NOTHING_MADE),
    _ignored("storage.StorageClass.mountOptions", _NOTHING_MADE),
    _ignored("storage.StorageClass.parameters", _NOTHING_MADE),
    _ignored("storage.StorageClass.provisioner", _NOTHING_MADE, "kubernetes.io/no-provisioner"),
    _ignored("storage.StorageClass.reclaimPolicy", "the volume's own policy counts", "Delete", "Retain"),
    _ignored("core.VolumeResourceRequirements.limits", "a volume is as large as it is"),
)

UNSUPPORTED: Final[tuple[Row, ...]] = (*_POD, *_CONTAINER, *_VOLUME, *_OTHER, *_GROUPS, *_STORAGE)
