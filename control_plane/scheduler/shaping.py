"""Compiles pods into shapes, and hands out the same shape for pods that are alike. Pure."""

import weakref
from collections import OrderedDict
from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any

from control_plane.scheduler import requests
from control_plane.scheduler.selectors import Requirement, compile_selector
from control_plane.scheduler.shape import (
    HostPort,
    NodeTerm,
    NodeWishes,
    PodTerm,
    Shape,
    SpreadConstraint,
    Toleration,
    WeightedNodeTerm,
    WeightedPodTerm,
)
from control_plane.volumes.mounting import claims_of
from knarr.api.owners import controller_of
from knarr.api.pods import is_sidecar
from knarr.proto.kubernetes import core_v1_pb2 as core

_RECENT = 8_192  # shapes remembered, so that a pod like another is not compiled again
_Likeness = tuple[bytes, str, tuple[tuple[str, str], ...], str]  # spec, namespace, labels, owner
_FIELDS = tuple(part.name for part in fields(Shape))
_WISHES = tuple(part.name for part in fields(NodeWishes) if part.compare)


class Shapes:
    """Hands out the shape of a pod: the same object for pods that are alike."""

    def __init__(self) -> None:
        self._recent: OrderedDict[_Likeness, Shape] = OrderedDict()
        self._known: weakref.WeakValueDictionary[tuple[Any, ...], Shape] = weakref.WeakValueDictionary()

    def of(self, pod: core.Pod) -> Shape:
        """The shape of a pod, bound or not (where a pod is bound is no part of it)."""
        likeness = _likeness(pod)
        shape = self._recent.get(likeness)
        if shape is not None:
            self._recent.move_to_end(likeness)
            return shape
        compiled = compile_shape(pod)
        key = tuple(getattr(compiled, name) for name in _FIELDS)
        shape = self._known.setdefault(key, compiled)
        self._recent[likeness] = shape
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return shape


def _likeness(pod: core.Pod) -> _Likeness:
    """Equal for pods that are alike. The spec is hashed, so that large ones take no more room than others."""
    spec, metadata = pod.spec, pod.metadata
    node_name = spec.nodeName
    if node_name:
        spec.nodeName = ""  # put back below: where the pod is bound is no part of its shape
    body = spec.SerializeToString(deterministic=True)
    if node_name:
        spec.nodeName = node_name
    labels = tuple(sorted(metadata.labels.items()))
    return (blake2b(body, digest_size=16).digest(), metadata.namespace, labels, owner_uid(pod))


def owner_uid(pod: core.Pod) -> str:
    """The uid of the owner that controls the pod, or ""."""
    owner = controller_of(pod.metadata)
    return "" if owner is None else owner.uid


def compile_shape(pod: core.Pod, node_name: str = "") -> Shape:
    """Compile a pod; `node_name` only where the pod must be judged as insisting on a node."""
    spec, metadata = pod.spec, pod.metadata
    labels = dict(metadata.labels)
    cpu, memory = requests.scored_requests(spec)
    return Shape(
        scheduler_name=spec.schedulerName,
        namespace=metadata.namespace,
        labels=tuple(sorted(labels.items())),
        owner_uid=owner_uid(pod),
        priority=spec.priority,
        never_preempts=spec.preemptionPolicy == "Never",
        group=spec.schedulingGroup.podGroupName,
        requests=tuple(sorted((k, v) for k, v in requests.pod_requests(spec).items() if v > 0)),
        scored_cpu_millis=cpu,
        scored_memory_bytes=memory,
        ports=_ports(spec),
        claims=tuple(sorted(claims_of(spec))),
        wishes=_wishes(spec, node_name),
        spread=tuple(compile_spread(row, labels) for row in spec.topologySpreadConstraints),
        **_pod_terms(spec.affinity, metadata.namespace, labels),
    )


def _wishes(spec: core.PodSpec, node_name: str) -> NodeWishes:
    node_affinity = spec.affinity.nodeAffinity
    required = node_affinity.requiredDuringSchedulingIgnoredDuringExecution
    has_required = node_affinity.HasField("requiredDuringSchedulingIgnoredDuringExecution")
    containers = [*spec.containers, *spec.initContainers]
    wishes = NodeWishes(
        node_name=node_name,
        tolerations=tuple(
            Toleration(t.key, t.operator or "Equal", t.value, t.effect) for t in spec.tolerations
        ),
        node_selector=tuple(Requirement(k, "In", (v,)) for k, v in sorted(spec.nodeSelector.items())),
        node_terms=compile_node_terms(required) if has_required else None,
        preferred_nodes=compile_preferred(node_affinity),
        images=tuple(_image(container.image) for container in containers),
        containers=len(containers),
    )
    values = tuple(getattr(wishes, name) for name in _WISHES)
    return replace(wishes, hashed=hash(values))


def _ports(spec: core.PodSpec) -> tuple[HostPort, ...]:
    """Host ports of containers and of sidecars; other init containers are gone when the pod runs."""
    lasting = [c for c in spec.initContainers if is_sidecar(c)]
    return tuple(
        HostPort(port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)
        for container in [*spec.containers, *lasting]
        for port in container.ports
        if port.hostPort > 0
    )


def _image(name: str) -> str:
    """The name with its tag, as nodes report it."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


def compile_node_terms(selector: core.NodeSelector) -> tuple[NodeTerm, ...]:
    """The terms of a node selector that is present."""
    return tuple(_node_term(term) for term in selector.nodeSelectorTerms)


def compile_preferred(affinity: core.NodeAffinity) -> tuple[WeightedNodeTerm, ...]:
    """The preferred terms of a node affinity."""
    return tuple(
        WeightedNodeTerm(row.weight, _node_term(row.preference))
        for row in affinity.preferredDuringSchedulingIgnoredDuringExecution
    )


def _node_term(term: core.NodeSelectorTerm) -> NodeTerm:
    def rows(messages: Any) -> tuple[Requirement, ...]:
        return tuple(Requirement(row.key, row.operator, tuple(row.values)) for row in messages)

    return NodeTerm(rows(term.matchExpressions), rows(term.matchFields))


def _pod_terms(affinity: core.Affinity, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    near, far = affinity.podAffinity, affinity.podAntiAffinity

    def required(terms: Any) -> tuple[PodTerm, ...]:
        return tuple(_pod_term(term, namespace, labels) for term in terms)

    def preferred(terms: Any, sign: int) -> tuple[WeightedPodTerm, ...]:
        return tuple(
            WeightedPodTerm(sign * row.weight, _pod_term(row.podAffinityTerm, namespace, labels))
            for row in terms
        )

    return {
        "affinity": required(near.requiredDuringSchedulingIgnoredDuringExecution),
        "anti_affinity": required(far.requiredDuringSchedulingIgnoredDuringExecution),
        "preferred_affinity": preferred(near.preferredDuringSchedulingIgnoredDuringExecution, 1)
        + preferred(far.preferredDuringSchedulingIgnoredDuringExecution, -1),
    }


def _pod_term(term: core.PodAffinityTerm, namespace: str, labels: dict[str, str]) -> PodTerm:
    selector = compile_selector(term.labelSelector) if term.HasField("labelSelector") else None
    if selector is not None:
        selector = selector.narrowed(_own_labels("In", term.matchLabelKeys, labels))
        selector = selector.narrowed(_own_labels("NotIn", term.mismatchLabelKeys, labels))
    chosen = compile_selector(term.namespaceSelector) if term.HasField("namespaceSelector") else None
    namespaces = frozenset(term.namespaces)
    if not namespaces and chosen is None:
        namespaces = frozenset((namespace,))
    return PodTerm(term.topologyKey, selector, namespaces, chosen)


def _own_labels(operator: str, keys: Any, labels: dict[str, str]) -> tuple[Requirement, ...]:
    """Requirements for matchLabelKeys: the pod's own value of each label; labels it has not are ignored."""
    return tuple(Requirement(key, operator, (labels[key],)) for key in keys if key in labels)


def compile_spread(row: core.TopologySpreadConstraint, labels: dict[str, str]) -> SpreadConstraint:
    """A constraint of a pod with these labels."""
    selector = compile_selector(row.labelSelector) if row.HasField("labelSelector") else None
    if selector is not None:
        selector = selector.narrowed(_own_labels("In", row.matchLabelKeys, labels))
    return SpreadConstraint(
        max_skew=row.maxSkew,
        topology_key=row.topologyKey,
        hard=row.whenUnsatisfiable != "ScheduleAnyway",
        selector=selector,
        min_domains=row.minDomains or 1,
        honor_affinity=row.nodeAffinityPolicy != "Ignore",
        honor_taints=row.nodeTaintsPolicy == "Honor",
    )
