"""Takes names out of a recording so that every decision stays what it was. Pure.

Each name, label, value, image and extended resource becomes a hash, the same everywhere in one recording and
different in the next (the salt). What the scheduler knows by name is kept: labels and taints of kubernetes.io
and k8s.io, operating systems and architectures, standard resources, numbers that are compared. Order is kept,
so that ties are broken alike.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from google.protobuf.message import Message

from knarr.proto.kubernetes import core_v1_pb2 as core

_KEPT_DOMAINS: Final = (".kubernetes.io", ".k8s.io")  # and those below them
_KEPT_VALUES: Final = (
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
)
_KEPT_WORDS: Final = (
    "",
    "default-scheduler",
    "knarr-scheduler",
    "system-cluster-critical",
    "system-node-critical",
)
_ANY_ADDRESS: Final = ("", "0.0.0.0", "::")
_COMPARING: Final = ("Gt", "Lt")
_NAMES: Final = (
    "name",
    "namespace",
    "uid",
    "nodeName",
    "nominatedNodeName",
    "podGroupName",
    "schedulerName",
    "priorityClassName",
    "claimName",
    "storageClassName",
    "volumeName",
)
_LABELS: Final = ("labels", "nodeSelector", "matchLabels")
_AMOUNTS: Final = ("requests", "limits", "allocatable", "capacity", "overhead")
_KEYS: Final = ("matchLabelKeys", "mismatchLabelKeys")


def compared_keys(objects: Collection[Message]) -> frozenset[str]:
    """The label keys whose values are compared as numbers by a pod's node affinity."""
    found: set[str] = set()
    for pod in objects:
        if not isinstance(pod, core.Pod) or not pod.spec.affinity.HasField("nodeAffinity"):
            continue
        affinity = pod.spec.affinity.nodeAffinity
        terms = [*affinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms]
        terms += [row.preference for row in affinity.preferredDuringSchedulingIgnoredDuringExecution]
        found.update(row.key for term in terms for row in term.matchExpressions if row.operator in _COMPARING)
    return frozenset(found)


def ordered_names(objects: Collection[Message]) -> frozenset[str]:
    """The names whose order decides: of two volumes of one size the first by name is taken, and the claims of
    a pod choose in the order of theirs."""
    kinds = (core.PersistentVolume, core.PersistentVolumeClaim)
    return frozenset(obj.metadata.name for obj in objects if isinstance(obj, kinds))


def anonymiser_for(objects: Collection[Message], salt: str) -> "Anonymiser":
    """The anonymiser of a recording."""
    return Anonymiser(salt, compared_keys(objects), ordered_names(objects))


class Anonymiser:
    """See the module's docstring. `salt`: unguessable, so that names cannot be found by trying."""

    def __init__(self, salt: str, compared: Collection[str] = (), ordered: Collection[str] = ()) -> None:
        self._salt = hashlib.blake2s(salt.encode()).digest()
        self._compared = frozenset(compared)
        self._words = {name: f"x{rank:016x}" for rank, name in enumerate(sorted(ordered))}

    def object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A recorded object without names."""
        labels = {"spec": {"selector"}} if value["kind"] in ("Service", "ReplicationController") else {}
        return {
            name: below
            if name in ("apiVersion", "kind")
            else self._anonymous(below, name, labels.get(name, ()))
            for name, below in value.items()
        }

    def configuration(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A KubeSchedulerConfiguration that means the same for anonymous objects."""
        made = dict(value)
        made["profiles"] = [self._profile(profile) for profile in value.get("profiles", ())]
        return made

    def word(self, text: str) -> str:
        """What stands for a name or a value."""
        if text in _KEPT_WORDS:
            return text
        found = self._words.get(text)
        if found is None:
            digest = hashlib.blake2s(text.encode(), key=self._salt, digest_size=8).hexdigest()
            found = self._words[text] = f"x{digest}"
        return found

    def key(self, text: str) -> str:
        """What stands for the key of a label or a taint."""
        domain, slash, _ = text.partition("/")
        kept = slash and f".{domain}".endswith(_KEPT_DOMAINS)
        return text if kept or text == "metadata.name" else self.word(text)

    def value(self, key: str, text: str) -> str:
        """What stands for the value of a label or a taint."""
        return text if key in _KEPT_VALUES or key in self._compared else self.word(text)

    def image(self, text: str) -> str:
        """What stands for an image of a pod; one without a tag is the same as its :latest."""
        return self.node_image(text if text.rfind(":") > text.rfind("/") else f"{text}:latest")

    def node_image(self, text: str) -> str:
        """What stands for an image that a node has, whose name is as it says."""
        return f"{self.word(text)}:1"

    def resource(self, text: str) -> str:
        """What stands for a resource: one that only some nodes have is renamed within its group."""
        group, slash, name = text.partition("/")
        return text if not slash or self.key(text) == text else f"{self.word(group)}/{self.word(name)}"

    def _anonymous(self, value: Any, field: str, label_maps: Collection[str] = ()) -> Any:
        if isinstance(value, list):
            return [self._anonymous(row, field) for row in value]
        if isinstance(value, dict):
            return self._object(value, field, label_maps)
        change = self._CHANGES.get(field)
        return change(self, value) if change is not None and isinstance(value, str) else value

    def _object(self, value: dict[str, Any], field: str, label_maps: Collection[str]) -> dict[str, Any]:
        if field in _LABELS:
            return {self.key(key): self.value(key, text) for key, text in value.items()}
        if field in _AMOUNTS:
            return {self.resource(name): amount for name, amount in value.items()}
        if field == "disruptedPods":
            return {self.word(name): time for name, time in value.items()}
        made = {
            name: self._anonymous(below, "labels" if name in label_maps else name)
            for name, below in value.items()
        }
        if isinstance(value.get("key"), str):  # a taint, a toleration, a requirement
            made["key"] = self.key(value["key"])
            if "value" in value:
                made["value"] = self.value(value["key"], value["value"])
            if "values" in value:
                made["values"] = [self.value(value["key"], text) for text in value["values"]]
        return made

    def _profile(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        made = dict(profile)
        if "schedulerName" in profile:
            made["schedulerName"] = self.word(profile["schedulerName"])
        if "pluginConfig" in profile:
            made["pluginConfig"] = [
                {**row, "args": self._args(row["args"])} if row.get("args") else row
                for row in profile["pluginConfig"]
            ]
        return made

    def _args(self, args: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, below in args.items():
            match name:
                case "ignoredResources":
                    made[name] = list(map(self.resource, below))
                case "ignoredResourceGroups":
                    made[name] = list(map(self.word, below))
                case "resources":
                    made[name] = [{**row, "name": self.resource(row["name"])} for row in below]
                case "scoringStrategy":
                    made[name] = self._args(below)
                case _:
                    made[name] = self._anonymous(below, name)
        return made

    def _address(self, text: str) -> str:
        return text if text in _ANY_ADDRESS else self.word(text)

    _CHANGES: Final[Mapping[str, Callable[["Anonymiser", str], str]]] = {
        **dict.fromkeys((*_NAMES, "namespaces"), word),
        **dict.fromkeys((*_KEYS, "topologyKey"), key),
        "image": image,
        "names": node_image,
        "hostIP": _address,
    }
