"""The scheduler's picture of the cluster: nodes, the pods on them, and what was assumed for bindings in
flight.

Changed by events and by decide(), one small step each; nothing is ever rebuilt. A pod whose node is not known
(yet) is remembered and counted when the node appears. Pure: no I/O, clock, randomness or logging.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from control_plane.scheduler.default_selectors import DefaultSelectors
from control_plane.scheduler.memo import Memo
from control_plane.scheduler.nodes import NodeFacts, NodeTable, Rows
from control_plane.scheduler.population import Population
from control_plane.scheduler.ports import PortTable
from control_plane.scheduler.selectors import Selector
from control_plane.scheduler.shape import PodTerm, Shape
from control_plane.scheduler.storage import Storage
from control_plane.scheduler.volume_choice import choose


class PlacedPod(NamedTuple):
    """A pod on a node. `key` is "namespace/name"; `started` seconds since 1970 (0: not yet)."""

    key: str
    uid: str
    shape: Shape
    node: str
    terminating: bool = False
    started: float = 0.0
    assumed: bool = False


class Cluster:
    """See the module's docstring."""

    def __init__(self) -> None:
        self.nodes = NodeTable()
        self.population = Population()
        self.ports = PortTable()
        self.memo = Memo()
        self.default_selectors = DefaultSelectors()
        self.storage = Storage()
        self.pods: dict[str, PlacedPod] = {}
        self.on_node: dict[str, dict[str, PlacedPod]] = {}  # also for nodes that are not known
        self.changes: Counter[int] = Counter()  # of the pods on each row
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self.namespace_version = 0

    def put_node(self, facts: NodeFacts) -> int:
        """Add or update a node; returns its row."""
        known = facts.name in self.nodes.rows
        row = self.nodes.put(facts)
        self.population.grow(self.nodes.capacity)
        self.ports.grow(self.nodes.capacity)
        if not known:
            for pod in self.on_node.get(facts.name, {}).values():
                self._count(pod, row, 1)
        return row

    def remove_node(self, name: str) -> None:
        """Forget a node. Its pods are kept until they are removed themselves."""
        row = self.nodes.rows.get(name)
        if row is None:
            return
        for pod in self.on_node.get(name, {}).values():
            self._count(pod, row, -1)
        self.nodes.remove(name)

    def put_pod(self, pod: PlacedPod) -> None:
        """Add a pod or replace what is known of it (also: what was assumed of it)."""
        before = self.pods.get(pod.key)
        if before is not None:
            same = (
                before.shape is pod.shape
                and before.node == pod.node
                and before.terminating == pod.terminating
            )
            if same:
                self.changes[self.nodes.rows.get(pod.node, -1)] += 1
                self.pods[pod.key] = self.on_node[pod.node][pod.key] = pod
                return
            self.remove_pod(pod.key)
        self.pods[pod.key] = pod
        self.on_node.setdefault(pod.node, {})[pod.key] = pod
        self._use_claims(pod, 1)
        row = self.nodes.rows.get(pod.node)
        if row is not None:
            self._count(pod, row, 1)

    def remove_pod(self, key: str) -> PlacedPod | None:
        """Forget a pod; returns what was known of it."""
        pod = self.pods.pop(key, None)
        if pod is None:
            return None
        self.storage.give_back(key)
        self._use_claims(pod, -1)
        there = self.on_node[pod.node]
        del there[key]
        if not there:
            del self.on_node[pod.node]
        row = self.nodes.rows.get(pod.node)
        if row is not None:
            self._count(pod, row, -1)
        return pod

    def assume_many(self, shape: Shape, keys: Sequence[tuple[str, str]], rows: Rows) -> list[PlacedPod]:
        """Put pods of one shape on rows, as if they were bound; `keys` are (key, uid), none of them known."""
        names, placed = self.nodes.names, []
        for (key, uid), row in zip(keys, rows.tolist(), strict=True):
            name = names[row]
            pod = PlacedPod(key, uid, shape, name, assumed=True)
            self.pods[key] = pod
            there = self.on_node.get(name)
            if there is None:
                there = self.on_node[name] = {}
            there[key] = pod
            placed.append(pod)
            if shape.claims:
                self._keep_volumes(pod, row)
                self._use_claims(pod, 1)
        if len(placed) == 1:
            self._count(placed[0], int(rows[0]), 1)
        else:
            self._count_many(shape, rows)
        return placed

    def _keep_volumes(self, pod: PlacedPod, row: int) -> None:
        asked = self.storage.asked(pod.shape.namespace, pod.shape.claims)
        chosen = choose(self.nodes, self.nodes.size, asked, row) or ()
        if chosen or asked.promised:
            self.storage.keep(pod.key, [*chosen, *asked.promised])

    def _use_claims(self, pod: PlacedPod, sign: int) -> None:
        for claim in pod.shape.claims:
            self.storage.use((pod.shape.namespace, claim), sign)

    def _count_many(self, shape: Shape, rows: Rows) -> None:
        distinct, copies = np.unique(rows, return_counts=True)
        self.nodes.request_many(shape, distinct, copies.astype(np.float64))
        for row, many in zip(distinct.tolist(), copies.tolist(), strict=True):
            self.changes[row] += 1
            self.population.add(shape, row, many)
            for port in shape.ports:
                self.ports.add(port, row, many)

    def undo(self, key: str, uid: str) -> bool:
        """Take back what was assumed of a pod, unless it is known to be bound by now."""
        pod = self.pods.get(key)
        if pod is None or not pod.assumed or pod.uid != uid:
            return False
        self.remove_pod(key)
        return True

    def put_namespace(self, name: str, labels: Mapping[str, str]) -> None:
        """Learn the labels of a namespace."""
        if self.namespaces.get(name) != labels:
            self.namespaces[name] = labels
            self._namespaces_changed()

    def remove_namespace(self, name: str) -> None:
        """Forget a namespace."""
        if self.namespaces.pop(name, None) is not None:
            self._namespaces_changed()

    def in_namespaces(self, term: PodTerm, namespace: str) -> bool:
        """Whether pods of the namespace are meant by the term."""
        if namespace in term.namespaces:
            return True
        chosen: Selector | None = term.namespace_selector
        return chosen is not None and chosen.matches(self.namespaces.get(namespace, {}))

    def _namespaces_changed(self) -> None:
        self.namespace_version += 1
        self.population.forget_tallies()

    def _count(self, pod: PlacedPod, row: int, sign: int) -> None:
        self.changes[row] += 1
        self.nodes.request(pod.shape, row, sign)
        self.population.add(pod.shape, row, sign, pod.terminating)
        for port in pod.shape.ports:
            self.ports.add(port, row, sign)
