"""A container's environment, command and arguments, with Kubernetes' rules of reference and expansion. Pure.

https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import re
from collections.abc import Iterable, Mapping

from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods import facts
from node_agent.pods.config import ConfigError, ConfigStore
from node_agent.pods.facts import NodeFacts

# "$$" stands for "$"; "$(NAME)" for the value of NAME, or for itself when there is none.
_REFERENCE = re.compile(r"\$\$|\$\(([^()]*)\)")


def expand(text: str, values: Mapping[str, str]) -> str:
    """`text` with its references replaced."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])

    return _REFERENCE.sub(replaced, text)


def environment(
    pod: core.Pod, container: core.Container, config: ConfigStore, node: NodeFacts, pod_ip: str
) -> dict[str, str]:
    """The variables by name: those of envFrom first, then env, each of which may refer to those before it.

    Raises ConfigError when something that is referred to is missing and not optional."""
    values: dict[str, str] = {}
    for source in container.envFrom:
        for key, value in _bulk(pod.metadata.namespace, source, config).items():
            values[source.prefix + key] = value
    for variable in container.env:
        if not variable.HasField("valueFrom"):
            values[variable.name] = expand(variable.value, values)
            continue
        found = _referred(pod, container, variable.valueFrom, config, node, pod_ip)
        if found is not None:
            values[variable.name] = found
    return values


def expanded(texts: Iterable[str], values: Mapping[str, str]) -> tuple[str, ...]:
    """A command or its arguments with references replaced."""
    return tuple(expand(text, values) for text in texts)


def _bulk(namespace: str, source: core.EnvFromSource, config: ConfigStore) -> dict[str, str]:
    found: dict[str, bytes] = {}
    if source.HasField("configMapRef"):
        name = source.configMapRef.localObjectReference.name
        found = config.config_map(namespace, name, optional=source.configMapRef.optional) or {}
    elif source.HasField("secretRef"):
        name = source.secretRef.localObjectReference.name
        found = config.secret(namespace, name, optional=source.secretRef.optional) or {}
    return {key: _text(value) for key, value in sorted(found.items())}


def _referred(
    pod: core.Pod,
    container: core.Container,
    source: core.EnvVarSource,
    config: ConfigStore,
    node: NodeFacts,
    pod_ip: str,
) -> str | None:
    """The value, or None for something optional that is missing."""
    namespace = pod.metadata.namespace
    if source.HasField("fieldRef"):
        return facts.field(pod, source.fieldRef.fieldPath, node, pod_ip)
    if source.HasField("resourceFieldRef"):
        return facts.resource(source.resourceFieldRef, _named(pod, container, source.resourceFieldRef), node)
    if source.HasField("configMapKeyRef"):
        config_map = source.configMapKeyRef
        name = config_map.localObjectReference.name
        data = config.config_map(namespace, name, optional=config_map.optional)
        return _key(data, config_map.key, config_map.optional, f"ConfigMap {namespace}/{name}")
    if source.HasField("secretKeyRef"):
        secret = source.secretKeyRef
        name = secret.localObjectReference.name
        data = config.secret(namespace, name, optional=secret.optional)
        return _key(data, secret.key, secret.optional, f"Secret {namespace}/{name}")
    raise ConfigError("env valueFrom names no source that is supported")


def _named(pod: core.Pod, container: core.Container, selector: core.ResourceFieldSelector) -> core.Container:
    if not selector.containerName:
        return container
    for other in (*pod.spec.containers, *pod.spec.initContainers):
        if other.name == selector.containerName:
            return other
    raise ConfigError(f"container {selector.containerName} not found")


def _key(data: Mapping[str, bytes] | None, key: str, optional: bool, owner: str) -> str | None:
    if data is not None and key in data:
        return _text(data[key])
    if optional:
        return None
    raise ConfigError(f"couldn't find key {key} in {owner}")


def _text(value: bytes) -> str:
    """Bytes that are no UTF-8 reach the process unchanged."""
    return value.decode("utf-8", "surrogateescape")
