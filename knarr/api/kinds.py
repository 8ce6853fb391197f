"""The kinds that Knarr serves: names, scope, message and storage key, one row each.

Defaults, validation and columns of a kind stand in control_plane/api/, keyed by these rows.
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import autoscaling_v2_pb2 as autoscaling
from knarr.proto.kubernetes import batch_v1_pb2 as batch
from knarr.proto.kubernetes import coordination_v1_pb2 as coordination
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import discovery_v1_pb2 as discovery
from knarr.proto.kubernetes import networking_v1_pb2 as networking
from knarr.proto.kubernetes import policy_v1_pb2 as policy
from knarr.proto.kubernetes import rbac_v1_pb2 as rbac
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling
from knarr.proto.kubernetes import scheduling_v1alpha3_pb2 as groups
from knarr.proto.kubernetes import storage_v1_pb2 as storage


@dataclass(frozen=True, slots=True)
class Kind:
    """One served kind."""

    group: str  # "" for core
    version: str
    name: str  # "Deployment"
    plural: str  # "deployments"
    short_names: tuple[str, ...]
    namespaced: bool
    message: type[Message]
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """ "v1" for core, else "group/version"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def prefix(self) -> str:
        """The storage prefix of all objects of the kind, with a trailing slash."""
        return f"/knarr/{self.group or 'core'}/{self.name}/"

    def key(self, namespace: str, name: str) -> str:
        """The storage key of one object; `namespace` is ignored for cluster-scoped kinds."""
        return f"{self.prefix}{namespace}/{name}" if self.namespaced else f"{self.prefix}{name}"

    def split_key(self, key: str) -> tuple[str, str]:
        """(namespace, name) of a storage key; the namespace is "" for cluster-scoped kinds."""
        rest = key[len(self.prefix) :]
        namespace, _, name = rest.rpartition("/")
        return namespace, name

    def __str__(self) -> str:
        return self.name


STATUS = ("status",)
SCALED = ("status", "scale")

NAMESPACE = Kind("", "v1", "Namespace", "namespaces", ("ns",), False, core.Namespace, ("status", "finalize"))
NODE = Kind("", "v1", "Node", "nodes", ("no",), False, core.Node, STATUS)
POD = Kind("", "v1", "Pod", "pods", ("po",), True, core.Pod, ("status", "binding", "eviction"))
POD_TEMPLATE = Kind("", "v1", "PodTemplate", "podtemplates", (), True, core.PodTemplate)
REPLICATION_CONTROLLER = Kind(
    "",
    "v1",
    "ReplicationController",
    "replicationcontrollers",
    ("rc",),
    True,
    core.ReplicationController,
    SCALED,
)
SERVICE = Kind("", "v1", "Service", "services", ("svc",), True, core.Service, STATUS)
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints", ("ep",), True, core.Endpoints)
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",), True, core.ConfigMap)
SECRET = Kind("", "v1", "Secret", "secrets", (), True, core.Secret)
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts", ("sa",), True, core.ServiceAccount)
LIMIT_RANGE = Kind("", "v1", "LimitRange", "limitranges", ("limits",), True, core.LimitRange)
RESOURCE_QUOTA = Kind(
    "", "v1", "ResourceQuota", "resourcequotas", ("quota",), True, core.ResourceQuota, STATUS
)
PERSISTENT_VOLUME = Kind(
    "", "v1", "PersistentVolume", "persistentvolumes", ("pv",), False, core.PersistentVolume, STATUS
)
PERSISTENT_VOLUME_CLAIM = Kind(
    "",
    "v1",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
    ("pvc",),
    True,
    core.PersistentVolumeClaim,
    STATUS,
)
EVENT = Kind("", "v1", "Event", "events", ("ev",), True, core.Event)

_APPS = ("apps", "v1")
REPLICA_SET = Kind(*_APPS, "ReplicaSet", "replicasets", ("rs",), True, apps.ReplicaSet, SCALED)
DEPLOYMENT = Kind(*_APPS, "Deployment", "deployments", ("deploy",), True, apps.Deployment, SCALED)
STATEFUL_SET = Kind(*_APPS, "StatefulSet", "statefulsets", ("sts",), True, apps.StatefulSet, SCALED)
DAEMON_SET = Kind(*_APPS, "DaemonSet", "daemonsets", ("ds",), True, apps.DaemonSet, STATUS)
CONTROLLER_REVISION = Kind(
    *_APPS, "ControllerRevision", "controllerrevisions", (), True, apps.ControllerRevision
)

JOB = Kind("batch", "v1", "Job", "jobs", (), True, batch.Job, STATUS)
CRON_JOB = Kind("batch", "v1", "CronJob", "cronjobs", ("cj",), True, batch.CronJob, STATUS)
HORIZONTAL_POD_AUTOSCALER = Kind(
    "autoscaling",
    "v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    ("hpa",),
    True,
    autoscaling.HorizontalPodAutoscaler,
    STATUS,
)
POD_DISRUPTION_BUDGET = Kind(
    "policy",
    "v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    ("pdb",),
    True,
    policy.PodDisruptionBudget,
    STATUS,
)
PRIORITY_CLASS = Kind(
    "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", ("pc",), False, scheduling.PriorityClass
)
POD_GROUP = Kind(
    "scheduling.k8s.io", "v1alpha3", "PodGroup", "podgroups", ("pg",), True, groups.PodGroup, STATUS
)

_NETWORKING = ("networking.k8s.io", "v1")
INGRESS = Kind(*_NETWORKING, "Ingress", "ingresses", ("ing",), True, networking.Ingress, STATUS)
INGRESS_CLASS = Kind(*_NETWORKING, "IngressClass", "ingressclasses", (), False, networking.IngressClass)
NETWORK_POLICY = Kind(
    *_NETWORKING, "NetworkPolicy", "networkpolicies", ("netpol",), True, networking.NetworkPolicy
)
ENDPOINT_SLICE = Kind(
    "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", (), True, discovery.EndpointSlice
)

_RBAC = ("rbac.authorization.k8s.io", "v1")
ROLE = Kind(*_RBAC, "Role", "roles", (), True, rbac.Role)
ROLE_BINDING = Kind(*_RBAC, "RoleBinding", "rolebindings", (), True, rbac.RoleBinding)
CLUSTER_ROLE = Kind(*_RBAC, "ClusterRole", "clusterroles", (), False, rbac.ClusterRole)
CLUSTER_ROLE_BINDING = Kind(
    *_RBAC, "ClusterRoleBinding", "clusterrolebindings", (), False, rbac.ClusterRoleBinding
)

STORAGE_CLASS = Kind(
    "storage.k8s.io", "v1", "StorageClass", "storageclasses", ("sc",), False, storage.StorageClass
)
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases", (), True, coordination.Lease)

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    NODE,
    POD,
    POD_TEMPLATE,
    REPLICATION_CONTROLLER,
    SERVICE,
    ENDPOINTS,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    LIMIT_RANGE,
    RESOURCE_QUOTA,
    PERSISTENT_VOLUME,
    PERSISTENT_VOLUME_CLAIM,
    EVENT,
    REPLICA_SET,
    DEPLOYMENT,
    STATEFUL_SET,
    DAEMON_SET,
    CONTROLLER_REVISION,
    JOB,
    CRON_JOB,
    HORIZONTAL_POD_AUTOSCALER,
    POD_DISRUPTION_BUDGET,
    PRIORITY_CLASS,
    POD_GROUP,
    INGRESS,
    INGRESS_CLASS,
    NETWORK_POLICY,
    ENDPOINT_SLICE,
    ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    STORAGE_CLASS,
    LEASE,
)

_BY_NAME = {
    alias: kind for kind in KINDS for alias in (kind.name, kind.plural, kind.singular, *kind.short_names)
}
_BY_API = {(kind.api_version, kind.name): kind for kind in KINDS}
# Other versions in which objects may be written; knarr/api/conversion.py reads them. Objects are stored,
# and read back, in the version of the row.
OTHER_VERSIONS = {
    ("autoscaling/v1", "HorizontalPodAutoscaler"): HORIZONTAL_POD_AUTOSCALER,
    ("events.k8s.io/v1", "Event"): EVENT,
}
_BY_MESSAGE: dict[Any, Kind] = {kind.message: kind for kind in KINDS}


def find(api_version: str, name: str) -> Kind | None:
    """The kind that a document names by apiVersion and kind, in the served version or in another."""
    return _BY_API.get((api_version, name)) or OTHER_VERSIONS.get((api_version, name))


def find_alias(alias: str) -> Kind | None:
    """The kind that a person names: "Pod", "pods", "pod", "po", "deployments.apps"."""
    name, _, group = alias.partition(".")
    kind = _BY_NAME.get(alias) or _BY_NAME.get(name.lower()) or _BY_NAME.get(name)
    if kind is None or (group and not f"{kind.version}.{kind.group}".endswith(group)):
        return None
    return kind


def of(message: Message | type[Message]) -> Kind:
    """The kind of a message or message class; raises KeyError for one that is no served kind."""
    return _BY_MESSAGE[message if isinstance(message, type) else type(message)]
