"""The scheduler's rules, written for obviousness: one node at a time, straight from the messages, nothing
kept.

It shares no code with control_plane/scheduler but reading quantities. The property tests hold the fast
scheduler to it. Source of the rules: kubernetes.io/docs/concepts/scheduling-eviction and what kube-scheduler
was seen to do.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from knarr.api import quantity
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import meta_v1_pb2 as meta

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


@dataclass
class Running:
    """A pod on a node."""

    pod: core.Pod
    node: str
    terminating: bool = False


@dataclass
class Reference:
    """A cluster and its rules. `namespaces`: their labels; `services`: what each selects, by namespace and
    name; `controllers`: their selectors by uid."""

    nodes: dict[str, core.Node] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    services: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    controllers: dict[str, meta.LabelSelector] = field(default_factory=dict)

    # Filters, in Kubernetes' order: the first that refuses gives the reasons

    def refusals(self, pod: core.Pod, node: core.Node) -> list[str]:
        """Why the pod may not run on the node; [] when it may."""
        for check in (
            self.unschedulable,
            self.taints,
            self.node_affinity,
            self.ports,
            self.resources,
            self.spread,
            self.pod_affinity,
        ):
            reasons = check(pod, node)
            if reasons:
                return reasons
        return []

    def feasible(self, pod: core.Pod) -> list[core.Node]:
        return [node for node in self.nodes.values() if not self.refusals(pod, node)]

    def counts(self, pod: core.Pod) -> dict[str, int]:
        """reason -> number of nodes."""
        counts: dict[str, int] = {}
        for node in self.nodes.values():
            if self.is_judged(pod, node):
                for reason in self.refusals(pod, node):
                    counts[reason] = counts.get(reason, 0) + 1
        return counts

    def is_judged(self, pod: core.Pod, node: core.Node) -> bool:
        """Nodes that are not named are not even counted, where every required term names nodes."""
        required = pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
        named = [
            [set(f.values) for f in term.matchFields if f.key == "metadata.name" and f.operator == "In"]
            for term in required.nodeSelectorTerms
        ]
        if not named or not all(named):
            return True
        return any(node.metadata.name in set.intersection(*sets) for sets in named)

    def unschedulable(self, pod: core.Pod, node: core.Node) -> list[str]:
        cordon = core.Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")
        if node.spec.unschedulable and not tolerated(cordon, pod.spec.tolerations):
            return ["node(s) were unschedulable"]
        return []

    def taints(self, pod: core.Pod, node: core.Node) -> list[str]:
        for taint in node.spec.taints:
            if taint.effect in ("NoSchedule", "NoExecute") and not tolerated(taint, pod.spec.tolerations):
                return [f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}"]
        return []

    def node_affinity(self, pod: core.Pod, node: core.Node) -> list[str]:
        return [] if matches_node(pod, node) else ["node(s) didn't match Pod's node affinity/selector"]

    def ports(self, pod: core.Pod, node: core.Node) -> list[str]:
        taken = [port for other in self.on(node) for port in host_ports(other.pod)]
        for ip, protocol, number in host_ports(pod):
            for other_ip, other_protocol, other_number in taken:
                same_ip = ip == other_ip or "0.0.0.0" in (ip, other_ip)
                if same_ip and protocol == other_protocol and number == other_number:
                    return ["node(s) didn't have free ports for the requested pod ports"]
        return []

    def resources(self, pod: core.Pod, node: core.Node) -> list[str]:
        reasons = []
        allocatable = amounts(node.status.allocatable)
        if len(self.on(node)) + 1 > allocatable.get("pods", 0):
            reasons.append("Too many pods")
        for name, wanted in requests(pod).items():
            used = sum(requests(other.pod).get(name, 0) for other in self.on(node))
            if wanted > 0 and wanted > allocatable.get(name, 0) - used:
                reasons.append(f"Insufficient {name}")
        return reasons

    def spread(self, pod: core.Pod, node: core.Node) -> list[str]:
        hard = [c for c in pod.spec.topologySpreadConstraints if c.whenUnsatisfiable != "ScheduleAnyway"]
        keys = [constraint.topologyKey for constraint in hard]
        for constraint in hard:
            value = node.metadata.labels.get(constraint.topologyKey)
            if value is None:
                return ["node(s) didn't match pod topology spread constraints (missing required label)"]
            counts: dict[str, int] = {}
            for other in self.nodes.values():
                if all(key in other.metadata.labels for key in keys) and includes(constraint, pod, other):
                    domain = other.metadata.labels[constraint.topologyKey]
                    counts[domain] = counts.get(domain, 0) + self.spread_count(constraint, pod, other)
            fewest = min(counts.values(), default=2**31)
            if counts and len(counts) < (constraint.minDomains or 1):
                fewest = 0
            own = constraint.HasField("labelSelector") and selects(
                constraint.labelSelector, dict(pod.metadata.labels)
            )
            if counts.get(value, 0) + own - fewest > constraint.maxSkew:
                return ["node(s) didn't match pod topology spread constraints"]
        return []

    def pod_affinity(self, pod: core.Pod, node: core.Node) -> list[str]:
        affinity = pod.spec.affinity
        near = affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution
        if near and not self.has_company(pod, node, near):
            return ["node(s) didn't match pod affinity rules"]
        for term in affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution:
            if any(self.means(term, pod, other.pod) for other in self.in_domain(node, term.topologyKey)):
                return ["node(s) didn't match pod anti-affinity rules"]
        for other in self.running:
            anti = other.pod.spec.affinity.podAntiAffinity
            for term in anti.requiredDuringSchedulingIgnoredDuringExecution:
                if self.means(term, other.pod, pod) and self.same_domain(node, other, term.topologyKey):
                    return ["node(s) didn't satisfy existing pods anti-affinity rules"]
        return []

    def has_company(self, pod: core.Pod, node: core.Node, terms: Sequence[core.PodAffinityTerm]) -> bool:
        if any(term.topologyKey not in node.metadata.labels for term in terms):
            return False
        company = [other for other in self.running if all(self.means(t, pod, other.pod) for t in terms)]
        if all(any(self.same_domain(node, other, t.topologyKey) for other in company) for t in terms):
            return True
        somewhere = any(
            term.topologyKey in self.nodes[other.node].metadata.labels
            for other in company
            if other.node in self.nodes
            for term in terms
        )
        return not somewhere and all(self.means(term, pod, pod) for term in terms)

    # Scores, each 0 to 100, times its weight

    def scores(self, pod: core.Pod, nodes: Sequence[core.Node]) -> dict[str, int]:
        """node -> total, over feasible nodes."""
        parts = (
            (3, self.score_taints(pod, nodes)),
            (2, self.score_node_affinity(pod, nodes)),
            (1, [self.least_allocated(pod, node) for node in nodes]),
            (2, self.score_spread(pod, nodes)),
            (2, self.score_pod_affinity(pod, nodes)),
            (1, [self.balanced(pod, node) for node in nodes]),
            (1, [self.image_locality(pod, node) for node in nodes]),
        )
        return {
            node.metadata.name: sum(weight * part[index] for weight, part in parts)
            for index, node in enumerate(nodes)
        }

    def score_taints(self, pod: core.Pod, nodes: Sequence[core.Node]) -> list[int]:
        soft = [t for t in pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
        raw = [
            sum(t.effect == "PreferNoSchedule" and not tolerated(t, soft) for t in node.spec.taints)
            for node in nodes
        ]
        most = max(raw)
        return [100 - 100 * value // most if most else 100 for value in raw]

    def score_node_affinity(self, pod: core.Pod, nodes: Sequence[core.Node]) -> list[int]:
        preferred = pod.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution
        raw = [sum(row.weight for row in preferred if matches_term(row.preference, node)) for node in nodes]
        most = max(raw)
        return [100 * value // most if most else 0 for value in raw]

    def least_allocated(self, pod: core.Pod, node: core.Node) -> int:
        allocatable, shares = amounts(node.status.allocatable), []
        for index, name in enumerate(("cpu", "memory")):
            total = allocatable.get(name, 0)
            if total:
                used = scored(pod)[index] + sum(scored(other.pod)[index] for other in self.on(node))
                shares.append((total - used) * 100 // total if used <= total else 0)
        return sum(shares) // len(shares) if shares else 0

    def balanced(self, pod: core.Pod, node: core.Node) -> int:
        allocatable, shares = amounts(node.status.allocatable), []
        for name in ("cpu", "memory"):
            total = allocatable.get(name, 0)
            if total:
                used = requests(pod).get(name, 0)
                used += sum(requests(other.pod).get(name, 0) for other in self.on(node))
                shares.append(min(1.0, used / total))
        deviation = abs((shares[0] - shares[1]) / 2) if len(shares) == 2 else 0.0
        return int((1 - deviation) * 100)

    def score_spread(self, pod: core.Pod, nodes: Sequence[core.Node]) -> list[int]:
        soft = self.soft_constraints(pod)
        if not soft:
            return [0] * len(nodes)
        own = bool(pod.spec.topologySpreadConstraints)
        keys = [constraint.topologyKey for constraint in soft]
        labelled = [node for node in nodes if not own or all(key in node.metadata.labels for key in keys)]
        raw = {}
        for node in labelled:
            total = 0.0
            for constraint in soft:
                value = node.metadata.labels.get(constraint.topologyKey)
                if value is not None:
                    count = self.soft_count(constraint, pod, node, keys if own else [])
                    if constraint.topologyKey == HOSTNAME:
                        domains = len(labelled)
                    else:
                        domains = len(
                            {n.metadata.labels.get(constraint.topologyKey) for n in labelled} - {None}
                        )
                    total += count * math.log(domains + 2) + (constraint.maxSkew - 1)
            raw[node.metadata.name] = math.floor(total + 0.5)
        if not raw:
            return [0] * len(nodes)
        most, fewest = max(raw.values()), min(raw.values())
        return [
            (100 * (most + fewest - raw[name]) // most if most else 100) if name in raw else 0
            for name in (node.metadata.name for node in nodes)
        ]

    def soft_constraints(self, pod: core.Pod) -> list[Any]:
        """The pod's own, or the built-in ones for a pod that services select or a controller owns."""
        if pod.spec.topologySpreadConstraints:
            return [c for c in pod.spec.topologySpreadConstraints if c.whenUnsatisfiable == "ScheduleAnyway"]
        own, labels = dict(pod.metadata.labels), dict[str, str]()
        for (namespace, _), wanted in sorted(self.services.items()):
            if namespace == pod.metadata.namespace and all(own.get(k) == v for k, v in wanted.items()):
                labels |= wanted
        selector = self.controllers.get(owner(pod))
        if not labels and selector is None:
            return []
        return [DefaultConstraint(key, skew, labels, selector) for key, skew in ((HOSTNAME, 3), (ZONE, 5))]

    def soft_count(self, constraint: Any, pod: core.Pod, node: core.Node, keys: list[str]) -> int:
        """Matching pods in the node's domain; on hosts the node's own, whatever the policies say."""
        if constraint.topologyKey == HOSTNAME:
            return self.spread_count(constraint, pod, node)
        value = node.metadata.labels[constraint.topologyKey]
        return sum(
            self.spread_count(constraint, pod, other)
            for other in self.nodes.values()
            if other.metadata.labels.get(constraint.topologyKey) == value
            and all(key in other.metadata.labels for key in keys)
            and includes(constraint, pod, other)
        )

    def score_pod_affinity(self, pod: core.Pod, nodes: Sequence[core.Node]) -> list[int]:
        raw = [self.attraction(pod, node) for node in nodes]
        spread = max(raw) - min(raw)
        return [int(100.0 * ((value - min(raw)) / spread)) if spread else 0 for value in raw]

    def attraction(self, pod: core.Pod, node: core.Node) -> int:
        total = 0
        for other in self.running:
            for weight, term in preferences(pod):
                if self.means(term, pod, other.pod) and self.same_domain(node, other, term.topologyKey):
                    total += weight
            hard = other.pod.spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution
            for weight, term in [*preferences(other.pod), *((1, term) for term in hard)]:
                if self.means(term, other.pod, pod) and self.same_domain(node, other, term.topologyKey):
                    total += weight
        return total

    def image_locality(self, pod: core.Pod, node: core.Node) -> int:
        containers = [*pod.spec.initContainers, *pod.spec.containers]
        total = 0
        for container in containers:
            name = container.image if ":" in container.image.split("/")[-1] else container.image + ":latest"
            having = [n for n in self.nodes.values() if any(name in i.names for i in n.status.images)]
            for image in node.status.images:
                if name in image.names:
                    total += int(image.sizeBytes * (len(having) / len(self.nodes)))
        least, most = 23 * 2**20, 1000 * 2**20 * len(containers)
        return 100 * (min(max(total, least), most) - least) // (most - least)

    # What a cluster knows

    def on(self, node: core.Node) -> list[Running]:
        return [other for other in self.running if other.node == node.metadata.name]

    def in_domain(self, node: core.Node, key: str) -> list[Running]:
        return [other for other in self.running if self.same_domain(node, other, key)]

    def same_domain(self, node: core.Node, other: Running, key: str) -> bool:
        there = self.nodes.get(other.node)
        return (
            there is not None
            and key in node.metadata.labels
            and node.metadata.labels[key] == there.metadata.labels.get(key)
        )

    def means(self, term: core.PodAffinityTerm, owner: core.Pod, other: core.Pod) -> bool:
        """Whether the term of `owner` means the pod `other`."""
        if not term.HasField("labelSelector"):
            return False
        namespaces = set(term.namespaces)
        if not namespaces and not term.HasField("namespaceSelector"):
            namespaces = {owner.metadata.namespace}
        by_labels = term.HasField("namespaceSelector") and selects(
            term.namespaceSelector, self.namespaces.get(other.metadata.namespace, {})
        )
        if other.metadata.namespace not in namespaces and not by_labels:
            return False
        labels, own = dict(other.metadata.labels), owner.metadata.labels
        same = all(labels.get(key) == own[key] for key in term.matchLabelKeys if key in own)
        differ = all(labels.get(key) != own[key] for key in term.mismatchLabelKeys if key in own)
        return same and differ and selects(term.labelSelector, labels)

    def spread_count(self, constraint: Any, pod: core.Pod, node: core.Node) -> int:
        """Pods on the node that the constraint counts."""
        return sum(counts_for_spread(constraint, pod, other) for other in self.on(node))


@dataclass
class DefaultConstraint:
    """A built-in constraint, with what it counts for one pod."""

    topologyKey: str
    maxSkew: int
    labels: dict[str, str]
    selector: meta.LabelSelector | None
    nodeAffinityPolicy: str = "Honor"
    nodeTaintsPolicy: str = "Ignore"


def counts_for_spread(constraint: Any, pod: core.Pod, other: Running) -> bool:
    if other.terminating:
        return False
    if isinstance(constraint, DefaultConstraint):
        labels = dict(other.pod.metadata.labels)
        return (
            other.pod.metadata.namespace == pod.metadata.namespace
            and all(labels.get(key) == value for key, value in constraint.labels.items())
            and (constraint.selector is None or selects(constraint.selector, labels))
        )
    if other.pod.metadata.namespace != pod.metadata.namespace or not constraint.HasField("labelSelector"):
        return False
    selector, own = constraint.labelSelector, pod.metadata.labels
    keys = [key for key in constraint.matchLabelKeys if key in own]
    if not selector.matchLabels and not selector.matchExpressions and not keys:
        return False
    labels = dict(other.pod.metadata.labels)
    return selects(selector, labels) and all(labels.get(key) == own[key] for key in keys)


def includes(constraint: Any, pod: core.Pod, node: core.Node) -> bool:
    """Whether the constraint's policies count the node."""
    if constraint.nodeAffinityPolicy != "Ignore" and not matches_node(pod, node):
        return False
    repelling = [t for t in node.spec.taints if t.effect in ("NoSchedule", "NoExecute")]
    if constraint.nodeTaintsPolicy == "Honor":
        return all(tolerated(taint, pod.spec.tolerations) for taint in repelling)
    return True


def owner(pod: core.Pod) -> str:
    return next((ref.uid for ref in pod.metadata.ownerReferences if ref.controller), "")


def preferences(pod: core.Pod) -> list[tuple[int, core.PodAffinityTerm]]:
    affinity = pod.spec.affinity
    near = affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution
    far = affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution
    return [(row.weight, row.podAffinityTerm) for row in near] + [
        (-row.weight, row.podAffinityTerm) for row in far
    ]


def tolerated(taint: core.Taint, tolerations: Iterable[core.Toleration]) -> bool:
    for toleration in tolerations:
        effect = toleration.effect in ("", taint.effect)
        key = toleration.key in ("", taint.key)
        equal = toleration.operator == "Exists" or toleration.value == taint.value
        if effect and key and equal:
            return True
    return False


def matches_node(pod: core.Pod, node: core.Node) -> bool:
    """nodeSelector and required node affinity."""
    labels = node.metadata.labels
    if any(labels.get(key) != value for key, value in pod.spec.nodeSelector.items()):
        return False
    affinity = pod.spec.affinity.nodeAffinity
    if not affinity.HasField("requiredDuringSchedulingIgnoredDuringExecution"):
        return True
    terms = affinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms
    return any(matches_term(term, node) for term in terms)


def matches_term(term: core.NodeSelectorTerm, node: core.Node) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    name = {"metadata.name": node.metadata.name}
    return all(holds(row, dict(node.metadata.labels)) for row in term.matchExpressions) and all(
        holds(row, name) for row in term.matchFields
    )


def selects(selector: meta.LabelSelector, labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.matchLabels.items()) and all(
        holds(row, labels) for row in selector.matchExpressions
    )


def holds(row: Any, labels: dict[str, str]) -> bool:
    compare: dict[str, Callable[[int, int], bool]] = {"Gt": int.__gt__, "Lt": int.__lt__}
    value = labels.get(row.key)
    if row.operator == "In":
        return value is not None and value in row.values
    if row.operator == "NotIn":
        return value is None or value not in row.values
    if row.operator == "Exists":
        return value is not None
    if row.operator == "DoesNotExist":
        return value is None
    if value is None or not re.fullmatch("[0-9]+", value) or not re.fullmatch("[0-9]+", row.values[0]):
        return False
    return compare[row.operator](int(value), int(row.values[0]))


def host_ports(pod: core.Pod) -> list[tuple[str, str, int]]:
    lasting = [c for c in pod.spec.initContainers if c.restartPolicy == "Always"]
    return [
        (port.hostIP or "0.0.0.0", port.protocol or "TCP", port.hostPort)
        for container in [*pod.spec.containers, *lasting]
        for port in container.ports
        if port.hostPort
    ]


def amounts(quantities: Any) -> dict[str, int]:
    found = {}
    for name, value in quantities.items():
        parsed = quantity.parse(value.string)
        found[name] = parsed.ceil(10**6) if name == "cpu" else parsed.ceil()
    return found


def requests(pod: core.Pod, cpu: int | None = None, memory: int | None = None) -> dict[str, int]:
    """What the pod needs at its highest; `cpu`, `memory`: what a container without such a request counts
    for."""

    def needs(container: core.Container) -> dict[str, int]:
        found = amounts(container.resources.requests)
        if cpu is not None and memory is not None:
            found = {"cpu": cpu, "memory": memory} | found
        return found

    sidecars = [c for c in pod.spec.initContainers if c.restartPolicy == "Always"]
    names = {n for c in [*pod.spec.containers, *pod.spec.initContainers] for n in needs(c)}
    total = {}
    for name in names | set(pod.spec.overhead):
        running = sum(needs(c).get(name, 0) for c in [*pod.spec.containers, *sidecars])
        peak, started = running, 0
        for container in pod.spec.initContainers:
            if container.restartPolicy == "Always":
                started += needs(container).get(name, 0)
                peak = max(peak, started)
            else:
                peak = max(peak, started + needs(container).get(name, 0))
        total[name] = peak + amounts(pod.spec.overhead).get(name, 0)
    return total


def scored(pod: core.Pod) -> tuple[int, int]:
    found = requests(pod, 100, 200 * 2**20)
    return found["cpu"], found["memory"]
