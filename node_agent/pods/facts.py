"""What containers may be told about their pod and node (the downward API). Pure.

Fields: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from node_agent.pods.config import ConfigError

_KEYED = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a pod's containers may learn of their node. `allocatable_*` stand in for limits not given."""

    name: str
    ip: str
    allocatable_cpu_millis: int
    allocatable_memory_bytes: int


def field(pod: core.Pod, path: str, node: NodeFacts, pod_ip: str) -> str:
    """The value of a fieldRef. Raises ConfigError for a path that is not supported."""
    keyed = _KEYED.fullmatch(path)
    if keyed is not None:
        values = pod.metadata.labels if keyed[1] == "labels" else pod.metadata.annotations
        return values.get(keyed[2], "")
    simple = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": node.name,
        "spec.serviceAccountName": pod.spec.serviceAccountName,
        "status.hostIP": node.ip,
        "status.hostIPs": node.ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    if path in simple:
        return simple[path]
    if path == "metadata.labels":
        return _lines(pod.metadata.labels)
    if path == "metadata.annotations":
        return _lines(pod.metadata.annotations)
    raise ConfigError(f"unsupported fieldPath: {path}")


def _lines(values: Mapping[str, str]) -> str:
    """One key="escaped value" a line, by key."""
    return "\n".join(
        f'{key}="{"".join(_ESCAPES.get(letter, letter) for letter in values[key])}"' for key in sorted(values)
    )


def resource(selector: core.ResourceFieldSelector, container: core.Container, node: NodeFacts) -> str:
    """The value of a resourceFieldRef in units of its divisor, rounded up. Raises ConfigError."""
    part, _, name = selector.resource.partition(".")
    if part not in ("limits", "requests") or not name:
        raise ConfigError(f"unsupported resource: {selector.resource}")
    resources = container.resources
    given = resources.limits if part == "limits" else resources.requests
    amount = quantity.of(given[name]) if name in given else _default(name, part, node)
    divisor = (
        quantity.of(selector.divisor) if selector.divisor.string not in ("", "0") else quantity.parse("1")
    )
    return str(amount.ceil(divisor.nanos))


def _default(name: str, part: str, node: NodeFacts) -> quantity.Quantity:
    if part == "limits" and name == "cpu":
        return quantity.parse(f"{node.allocatable_cpu_millis}m")
    if part == "limits" and name == "memory":
        return quantity.parse(str(node.allocatable_memory_bytes))
    return quantity.parse("0")
