"""Changes to the scheduler's picture that are taken back. Pure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from google.protobuf.message import Message

from control_plane.insight.plan.layout import Layout, Stored
from control_plane.scheduler.cluster import Cluster, PlacedPod
from control_plane.scheduler.nodes import NodeFacts
from control_plane.scheduler.shaping import Shapes
from knarr.proto.kubernetes import core_v1_pb2 as core
from knarr.proto.kubernetes import storage_v1_pb2 as storage_wire


class Trial:
    """A cluster, and how to put it back."""

    def __init__(self, cluster: Cluster, shapes: Shapes) -> None:
        self.cluster, self.shapes = cluster, shapes
        self._undo: list[Callable[[], object]] = []
        self._gone: list[tuple[int, NodeFacts]] = []

    def lay_out(self, layout: Layout) -> None:
        """Make the cluster as the layout says."""
        cluster = self.cluster
        for name, labels in layout.namespaces.items():
            if name not in cluster.namespaces:
                cluster.put_namespace(name, labels)
                self._undo.append(lambda name=name: cluster.remove_namespace(name))  # type: ignore[misc]
        for uid, selector in layout.selectors.items():
            cluster.default_selectors.put_controller(uid, selector)
            self._undo.append(lambda uid=uid: cluster.default_selectors.remove_controller(uid))  # type: ignore[misc]
        for stored in layout.storage:
            self._put_stored(stored, stored.planned)
            self._undo.append(lambda stored=stored: self._put_stored(stored, stored.known))  # type: ignore[misc]
        for facts in layout.nodes:
            self._put_node(facts)
        for name in layout.gone_nodes:
            self._remove_node(name)
        for key in layout.gone_pods:
            self.remove_pod(key)
        for key, (pod, node) in layout.placed.items():
            self.put_pod(PlacedPod(key, pod.metadata.uid, self.shapes.of(pod), node))

    def put_pod(self, pod: PlacedPod) -> None:
        """Put a new pod on its node."""
        self.cluster.put_pod(pod)
        self.forget(pod.key)

    def forget(self, key: str) -> None:
        """A pod that is there now goes in the end."""
        self._undo.append(lambda: self.cluster.remove_pod(key))

    def remove_pod(self, key: str) -> None:
        """Take a pod off."""
        gone = self.cluster.remove_pod(key)
        if gone is not None:
            self._undo.append(lambda: self.cluster.put_pod(gone))

    def _put_stored(self, stored: Stored, obj: Message | None) -> None:
        storage, name = self.cluster.storage, stored.name
        if stored.kind is core.PersistentVolumeClaim:
            claim = obj if isinstance(obj, core.PersistentVolumeClaim) else None
            storage.put_claim((stored.namespace, name), claim)
        elif stored.kind is core.PersistentVolume:
            storage.put_volume(name, obj if isinstance(obj, core.PersistentVolume) else None)
        else:
            storage.put_class(name, obj if isinstance(obj, storage_wire.StorageClass) else None)

    def _put_node(self, facts: NodeFacts) -> None:
        nodes = self.cluster.nodes
        row = nodes.rows.get(facts.name)
        before = None if row is None else nodes.facts[row]
        self.cluster.put_node(facts)
        if before is None:
            self._undo.append(lambda: self.cluster.remove_node(facts.name))
        else:
            self._undo.append(lambda: self.cluster.put_node(before))

    def _remove_node(self, name: str) -> None:
        row = self.cluster.nodes.rows.get(name)
        facts = None if row is None else self.cluster.nodes.facts[row]
        if row is not None and facts is not None:
            self.cluster.remove_node(name)
            self._gone.append((row, facts))

    def take_back(self) -> None:
        """Put everything back. Nodes get their rows again: free rows are given out from the lowest."""
        for undo in reversed(self._undo):
            undo()
        for _, facts in sorted(self._gone, key=lambda gone: gone[0]):
            self.cluster.put_node(facts)
        self._undo.clear()
        self._gone.clear()


@contextmanager
def tried(cluster: Cluster, shapes: Shapes) -> Iterator[Trial]:
    """A trial that is taken back when the context ends."""
    trial = Trial(cluster, shapes)
    try:
        yield trial
    finally:
        trial.take_back()
