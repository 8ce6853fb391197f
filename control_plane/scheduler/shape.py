"""What of a pod matters to the scheduler, compiled once and shared by all pods that are alike.

Pods with the same Shape object are interchangeable: they are decided as a group. Two pods share a shape when
namespace, labels, owner and every field below are equal, whatever else differs. Pure; never changed.
"""

from dataclasses import dataclass, field

from control_plane.scheduler.selectors import Requirement, Selector


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

    scheduler_name: str  # whose profile decides
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
    claims: tuple[str, ...]  # names of PersistentVolumeClaims
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
