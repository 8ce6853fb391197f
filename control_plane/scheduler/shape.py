"""What of a pod matters to the scheduler, compiled once and shared by all pods that are alike.

Pods with the same Shape object are interchangeable: they are decided as a group. Two pods share a shape when
namespace, labels, owner and every field below are equal, whatever else differs. Pure; never changed.
"""

import hashlib
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace
from typing import Any

from control_plane.scheduler import requests
from control_plane.scheduler.selectors import Requirement, Selector, compile_selector
from knarr.proto.kubernetes import core_v1_pb2 as core

_RECENT = 8_192  # digests remembered, so that a pod like another is not compiled again


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the node that the pod claims. `ip` "0.0.0.0": all addresses."""

    ip: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str
    operator: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """All requirements on labels and fields (metadata.name) must hold; one without any matches no node."""

    expressions: tuple[Requirement, ...]
    fields: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class WeightedNodeTerm:
    weight: int
    term: NodeTerm


@dataclass(frozen=True, slots=True)
class PodTerm:
    """Pods that a pod wants near, or not: those matching `selector` in `namespaces` or in one whose labels
    match `namespace_selector`, within one value of the node label `topology_key`."""

    topology_key: str
    selector: Selector | None
    namespaces: frozenset[str]
    namespace_selector: Selector | None


@dataclass(frozen=True, slots=True)
class WeightedPodTerm:
    weight: int
    term: PodTerm


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    """One of topologySpreadConstraints; the two policies are True for Honor."""

    max_skew: int
    topology_key: str
    hard: bool  # DoNotSchedule
    selector: Selector | None
    min_domains: int
    honor_affinity: bool
    honor_taints: bool


@dataclass(frozen=True, slots=True)
class NodeWishes:
    """All of a shape that is judged by nodes alone; shapes with equal wishes share those judgements."""

    node_name: str  # a node the pod insists on, "" for any
    tolerations: tuple[Toleration, ...]
    node_selector: tuple[Requirement, ...]
    node_terms: tuple[NodeTerm, ...] | None  # required; None: no such rule; any one must match
    preferred_nodes: tuple[WeightedNodeTerm, ...]
    images: tuple[str, ...]
    containers: int  # init containers included
    hashed: int = field(default=0, compare=False)  # of all above, once: it is looked up with every decision

    def __hash__(self) -> int:
        return self.hashed


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Shape:
    """See the module's docstring. Amounts: cpu in millis, the rest in units; only those above 0."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    owner_uid: str  # the controlling owner, "" without
    priority: int
    never_preempts: bool
    group: str  # spec.schedulingGroup.podGroupName
    requests: tuple[tuple[str, int], ...]
    scored_cpu_millis: int
    scored_memory_bytes: int
    ports: tuple[HostPort, ...]
    wishes: NodeWishes
    affinity: tuple[PodTerm, ...]
    anti_affinity: tuple[PodTerm, ...]
    preferred_affinity: tuple[WeightedPodTerm, ...]  # a weight below 0 is an anti-affinity
    spread: tuple[SpreadConstraint, ...]

    def label_map(self) -> dict[str, str]:
        return dict(self.labels)

    @property
    def has_no_terms(self) -> bool:
        """Whether where such pods are means nothing to affinity of others."""
        return not (self.affinity or self.anti_affinity or self.preferred_affinity)


_FIELDS = tuple(part.name for part in fields(Shape))
_WISHES = tuple(part.name for part in fields(NodeWishes) if part.compare)


class Shapes:
    """Hands out the shape of a pod: the same object for pods that are alike."""

    def __init__(self) -> None:
        self._recent: OrderedDict[bytes, Shape] = OrderedDict()
        self._known: weakref.WeakValueDictionary[tuple[Any, ...], Shape] = weakref.WeakValueDictionary()

    def of(self, pod: core.Pod) -> Shape:
        """The shape of a pod, bound or not (where a pod is bound is no part of it)."""
        digest = _digest(pod)
        shape = self._recent.get(digest)
        if shape is not None:
            self._recent.move_to_end(digest)
            return shape
        compiled = compile_shape(pod)
        key = tuple(getattr(compiled, name) for name in _FIELDS)
        shape = self._known.setdefault(key, compiled)
        self._recent[digest] = shape
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
        return shape


def _digest(pod: core.Pod) -> bytes:
    spec = pod.spec
    node_name = spec.nodeName
    spec.nodeName = ""  # put back below: where the pod is bound is no part of its shape
    body = spec.SerializeToString(deterministic=True)
    spec.nodeName = node_name
    digest = hashlib.blake2b(body, digest_size=16)
    metadata = pod.metadata
    digest.update(repr((metadata.namespace, sorted(metadata.labels.items()), owner_uid(pod))).encode())
    return digest.digest()


def owner_uid(pod: core.Pod) -> str:
    """The uid of the owner that controls the pod, or ""."""
    for reference in pod.metadata.ownerReferences:
        if reference.controller:
            return reference.uid
    return ""


def compile_shape(pod: core.Pod, node_name: str = "") -> Shape:
    """Compile a pod; `node_name` only where the pod must be judged as insisting on a node."""
    spec, metadata = pod.spec, pod.metadata
    labels = dict(metadata.labels)
    cpu, memory = requests.scored_requests(spec)
    return Shape(
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
        wishes=_wishes(spec, node_name),
        spread=tuple(_spread(row, labels) for row in spec.topologySpreadConstraints),
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
        node_terms=tuple(_node_term(t) for t in required.nodeSelectorTerms) if has_required else None,
        preferred_nodes=tuple(
            WeightedNodeTerm(row.weight, _node_term(row.preference))
            for row in node_affinity.preferredDuringSchedulingIgnoredDuringExecution
        ),
        images=tuple(_image(container.image) for container in containers),
        containers=len(containers),
    )
    values = tuple(getattr(wishes, name) for name in _WISHES)
    return replace(wishes, hashed=hash(values))


def _ports(spec: core.PodSpec) -> tuple[HostPort, ...]:
    """Host ports of containers and of sidecars; other init containers are gone when the pod runs."""
    lasting = [c for c in spec.initContainers if c.restartPolicy == "Always"]
    return tuple(
        HostPort(port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)
        for container in [*spec.containers, *lasting]
        for port in container.ports
        if port.hostPort > 0
    )


def _image(name: str) -> str:
    """The name with its tag, as nodes report it."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


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


def _spread(row: core.TopologySpreadConstraint, labels: dict[str, str]) -> SpreadConstraint:
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
