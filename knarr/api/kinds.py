"""The kinds that Knarr serves: names, scope, message and storage key, one row each.

Defaults, validation and columns of a kind stand in control_plane/api/, keyed by these rows.
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from knarr.proto.kubernetes import apps_v1_pb2 as apps
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import scheduling_v1_pb2 as scheduling


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


NAMESPACE = Kind("", "v1", "Namespace", "namespaces", ("ns",), False, core.Namespace, ("status", "finalize"))
NODE = Kind("", "v1", "Node", "nodes", ("no",), False, core.Node, ("status",))
POD = Kind("", "v1", "Pod", "pods", ("po",), True, core.Pod, ("status", "binding", "eviction"))
SERVICE = Kind("", "v1", "Service", "services", ("svc",), True, core.Service, ("status",))
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", ("cm",), True, core.ConfigMap)
SECRET = Kind("", "v1", "Secret", "secrets", (), True, core.Secret)
EVENT = Kind("", "v1", "Event", "events", ("ev",), True, core.Event)
REPLICA_SET = Kind(
    "apps", "v1", "ReplicaSet", "replicasets", ("rs",), True, apps.ReplicaSet, ("status", "scale")
)
DEPLOYMENT = Kind(
    "apps", "v1", "Deployment", "deployments", ("deploy",), True, apps.Deployment, ("status", "scale")
)
PRIORITY_CLASS = Kind(
    "scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", ("pc",), False, scheduling.PriorityClass
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    EVENT,
    REPLICA_SET,
    DEPLOYMENT,
    PRIORITY_CLASS,
)

_BY_NAME = {
    alias: kind for kind in KINDS for alias in (kind.name, kind.plural, kind.singular, *kind.short_names)
}
_BY_API = {(kind.api_version, kind.name): kind for kind in KINDS}
_BY_MESSAGE: dict[Any, Kind] = {kind.message: kind for kind in KINDS}


def find(api_version: str, name: str) -> Kind | None:
    """The kind that a document names by apiVersion and kind."""
    return _BY_API.get((api_version, name))


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
