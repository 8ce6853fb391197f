"""What stands in the files of configMap, secret, downwardAPI and projected volumes. Pure.

https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import facts
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.facts import NodeFacts

DEFAULT_MODE = 0o644
_PLAIN = ("emptyDir", "hostPath")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int


def payload(
    pod: core.Pod, source: core.VolumeSource, config: ConfigStore, node: NodeFacts, pod_ip: str
) -> dict[str, File] | None:
    """The volume's files by relative path; None for a volume that is a plain directory.

    Raises ConfigError when something is missing, leads out of the volume, or is not supported."""
    namespace = pod.metadata.namespace
    if source.HasField("persistentVolumeClaim"):  # else the control plane has put its directory in its place
        claim = source.persistentVolumeClaim.claimName
        raise ConfigError(
            f'waiting until persistentvolumeclaim "{claim}" has a volume that this node reaches'
        )
    if source.HasField("configMap"):
        found = source.configMap
        name, optional = found.localObjectReference.name, found.optional
        data = config.config_map(namespace, name, optional=optional)
        return _keys(data, found.items, _mode(found), optional, f"configmap {name}")
    if source.HasField("secret"):
        secret = source.secret
        data = config.secret(namespace, secret.secretName, optional=secret.optional)
        return _keys(data, secret.items, _mode(secret), secret.optional, f"secret {secret.secretName}")
    if source.HasField("downwardAPI"):
        return _downward(pod, source.downwardAPI.items, _mode(source.downwardAPI), node, pod_ip)
    if source.HasField("projected"):
        return _projected(pod, source.projected, config, node, pod_ip)
    kind = next((field.name for field, _ in source.ListFields()), "emptyDir")
    if kind not in _PLAIN:
        raise ConfigError(f"volumes of type {kind} are not supported by this agent")
    return None


def _mode(
    source: core.ConfigMapVolumeSource
    | core.SecretVolumeSource
    | core.DownwardAPIVolumeSource
    | core.ProjectedVolumeSource,
) -> int:
    return source.defaultMode if source.HasField("defaultMode") else DEFAULT_MODE


def _projected(
    pod: core.Pod, projected: core.ProjectedVolumeSource, config: ConfigStore, node: NodeFacts, pod_ip: str
) -> dict[str, File]:
    files: dict[str, File] = {}
    namespace, mode = pod.metadata.namespace, _mode(projected)
    for part in projected.sources:
        if part.HasField("configMap"):
            name, optional = part.configMap.localObjectReference.name, part.configMap.optional
            data = config.config_map(namespace, name, optional=optional)
            files |= _keys(data, part.configMap.items, mode, optional, f"configmap {name}")
        elif part.HasField("secret"):
            name, optional = part.secret.localObjectReference.name, part.secret.optional
            data = config.secret(namespace, name, optional=optional)
            files |= _keys(data, part.secret.items, mode, optional, f"secret {name}")
        elif part.HasField("downwardAPI"):
            files |= _downward(pod, part.downwardAPI.items, mode, node, pod_ip)
        else:
            kind = next((field.name for field, _ in part.ListFields()), "nothing")
            raise ConfigError(f"projections of {kind} are not supported by this agent")
    return files


def _keys(
    data: Mapping[str, bytes] | None,
    items: Iterable[core.KeyToPath],
    mode: int,
    optional: bool,
    owner: str,
) -> dict[str, File]:
    """All keys, or those that `items` names at the paths it gives them."""
    wanted = list(items)
    if data is None:
        return {}
    if not wanted:
        return {_checked(key): File(value, mode) for key, value in data.items()}
    files = {}
    for item in wanted:
        if item.key not in data:
            if optional:
                continue
            raise ConfigError(f"{owner} references non-existent config key: {item.key}")
        own = item.mode if item.HasField("mode") else mode
        files[_checked(item.path)] = File(data[item.key], own)
    return files


def _downward(
    pod: core.Pod, items: Iterable[core.DownwardAPIVolumeFile], mode: int, node: NodeFacts, pod_ip: str
) -> dict[str, File]:
    containers = {c.name: c for c in (*pod.spec.initContainers, *pod.spec.containers)}
    files = {}
    for item in items:
        if item.HasField("fieldRef"):
            text = facts.field(pod, item.fieldRef.fieldPath, node, pod_ip)
        elif item.resourceFieldRef.containerName in containers:
            container = containers[item.resourceFieldRef.containerName]
            text = facts.resource(item.resourceFieldRef, container, node)
        else:
            raise ConfigError(f"container {item.resourceFieldRef.containerName} not found")
        files[_checked(item.path)] = File(text.encode(), item.mode if item.HasField("mode") else mode)
    return files


def _checked(path: str) -> str:
    """A relative path that stays within the volume. Raises ConfigError."""
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise ConfigError(f"invalid path in a volume: {path}")
    return path
